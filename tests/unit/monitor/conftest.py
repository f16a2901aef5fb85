"""Django as the monitor sets it up, without a database and with logging left as it is."""

from __future__ import annotations

import os

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
settings.LOGGING_CONFIG = None
django.setup()
