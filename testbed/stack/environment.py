"""The variables with which Compose reads compose.yaml."""

from __future__ import annotations

import os

from swf_common.configuration import Configuration
from testbed.engine import certificates
from testbed.engine.daemon_socket import GROUP, socket_variables
from testbed.engine.image_digests import NAMED_BY_CONTENT, image_variables
from testbed.engine.images import BASE_IMAGE, base_image
from testbed.engine.unused_images import CHECKOUT
from testbed.project import Project, read_env, user_name
from testbed.stack import monitor_port


def compose_variables(project: Project, configuration: Configuration) -> dict[str, str]:
    """The variables of compose.yaml; images that the user names stay as named."""
    env = project.root / ".env"
    base = base_image(project.root)
    images = image_variables(project.root, base)
    off = configuration.switched_off
    return {
        "TESTBED_NAMESPACE": project.namespace,
        "TESTBED_USER": os.environ.get("TESTBED_USER") or user_name(),
        BASE_IMAGE: base,
        "TESTBED_SUPERVISOR": str("supervisor" not in off).lower(),
        **socket_variables(written=read_env(env, GROUP)),
        certificates.VARIABLE: certificates.find_ca_bundle(read_env(env, certificates.VARIABLE)),
        CHECKOUT: str(project.root),
        monitor_port.KEPT: str(monitor_port.remembered(project.folder)),
        **{name: _image_of_the_user(project, name) or own for name, own in images.items()},
    }


def _image_of_the_user(project: Project, variable: str) -> str:
    """The image that a user names in the environment or in .env, where ours are written too."""
    written = read_env(project.root / ".env", variable)
    ours = not written or NAMED_BY_CONTENT.fullmatch(written) is not None
    return os.environ.get(variable) or ("" if ours else written)
