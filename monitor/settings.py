"""Django settings of the monitor; all that differs between testbeds comes from the environment.

Secrets are files (Compose secrets); the variable `<NAME>_FILE` names the file.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from swf_common.protocol.states import (
    AgentStatus,
    ExecutionStatus,
    FileStatus,
    OperationalState,
    SliceStatus,
)
from swf_common.service.settings import Environment

env = Environment()


def _secret(name: str, default: str) -> str:
    return env.secret(name) if env.get(name) else default


def _flag(name: str, default: str) -> bool:
    return env.get(name, default).lower() in ("1", "true", "yes", "on")


TESTBED_NAMESPACE = env.get("TESTBED_NAMESPACE")
TESTBED_ANONYMOUS_READ = _flag("TESTBED_ANONYMOUS_READ", "no")
TESTBED_SUPERVISOR = _flag("TESTBED_SUPERVISOR", "yes")
TESTBED_LOG_RETENTION_DAYS = env.days("TESTBED_LOG_RETENTION_DAYS", 30)
TESTBED_QUEUE_RETENTION_DAYS = env.days("TESTBED_QUEUE_RETENTION_DAYS", 7)
TESTBED_AGENT_RETENTION_DAYS = env.days("TESTBED_AGENT_RETENTION_DAYS", 30)
TESTBED_EXECUTION_RETENTION_DAYS = env.days("TESTBED_EXECUTION_RETENTION_DAYS", 90)
TESTBED_WORKFLOWS = Path(__file__).resolve().parent.parent / "workflows"
TESTBED_SECRETS = Path(env.get("TESTBED_SECRETS", "/run/secrets"))
TESTBED_MONITOR_URL = env.get("SWF_MONITOR_URL", "http://monitor:8000")
TESTBED_STATE_FILE = env.state_file()

SECRET_KEY = _secret("DJANGO_SECRET_KEY_FILE", "only for checks outside of a testbed")
DEBUG = False
ALLOWED_HOSTS = [
    "monitor",
    "localhost",
    "127.0.0.1",
    "[::1]",
    *filter(None, env.get("TESTBED_ALLOWED_HOSTS").split(",")),
]
ROOT_URLCONF = "monitor.urls"
ASGI_APPLICATION = "monitor.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
SESSION_COOKIE_NAME = f"testbed_{TESTBED_NAMESPACE}" if TESTBED_NAMESPACE else "testbed"
CSRF_COOKIE_NAME = f"{SESSION_COOKIE_NAME}_csrf"
SESSION_COOKIE_SAMESITE = "Lax"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator")
]

PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", PASSWORD_BACKEND]

# Wrong passwords are counted by account and address together: behind one address is a laboratory,
# and who mistypes must not lock out everybody there. The link of `testbed open` is not affected.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "monitor.pages.views.sign_in.locked_out"
AXES_VERBOSE = False
# in the memory of the one process that signs people in: no tables that grow
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
AXES_CACHE = "sign-in"
AXES_ENABLE_ADMIN = False
MIGRATION_MODULES = {"axes": None}
SILENCED_SYSTEM_CHECKS = ["axes.W001"]  # which warns of several processes
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "sign-in": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "sign-in",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

INSTALLED_APPS = [
    "monitor.pages.apps.ReadersAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "monitor.records",
    "monitor.pages",
    "monitor.cli",
]

MIDDLEWARE = [
    "monitor.live.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "monitor.access.failures.FailureMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "monitor.pages.context.testbed",
            ],
        },
    }
]

CONTENT_SECURITY_POLICY = {
    # pages of others, with scripts and styles inside
    "EXCLUDE_URL_PREFIXES": ("/api/schema/",),
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.get("TESTBED_STATIC", "/opt/testbed/static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

DATABASE_LIVENESS: dict[str, Any] = {
    "connect_timeout": 5,
    # a database that was killed with its network says no goodbye: these find out, in seconds
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": env.get("POSTGRES_HOST", "postgres"),
        "PORT": env.get("POSTGRES_PORT", "5432"),
        "NAME": env.get("POSTGRES_DB", "testbed"),
        "USER": env.get("POSTGRES_USER", "testbed"),
        "PASSWORD": _secret("POSTGRES_PASSWORD_FILE", ""),
        "CONN_HEALTH_CHECKS": True,  # the pool gives out no connection to a database of before
        "OPTIONS": {
            **DATABASE_LIVENESS,
            # a thread gives its connection back after each request: only a pool keeps connections
            # those of a burst end soon: each takes some MB of the server's memory
            "pool": {"min_size": 1, "max_size": 16, "timeout": 5, "max_idle": 30},
        },
    }
}

FILTERS_EMPTY_CHOICE_LABEL = "any"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "monitor.access.roles.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["monitor.access.roles.RolePermission"],
    "DEFAULT_FILTER_BACKENDS": ["monitor.api.filters.StrictFilterBackend"],
    "DEFAULT_PARSER_CLASSES": ["monitor.api.parsers.CheckedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "monitor.api.schema.DescribedSchema",
    "EXCEPTION_HANDLER": "monitor.access.failures.refused",
    "DEFAULT_PAGINATION_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "swf-testbed monitor",
    "DESCRIPTION": "What the monitor knows of a streaming-workflow testbed.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["monitor.access.roles.RolePermission"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "monitor.api.schema.without_useless_choices",
    ],
    "ENUM_NAME_OVERRIDES": {
        f"{states.__name__}Enum": [(state.value, state.value) for state in states]
        for states in (AgentStatus, OperationalState, FileStatus, SliceStatus, ExecutionStatus)
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "monitor.access.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "stomp.py": {"level": "ERROR"},  # its frames would show the password
        "django.request": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
        "mcp": {"level": "WARNING"},  # a line for each call of a client of an earlier protocol
    },
}
