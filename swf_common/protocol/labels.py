"""The labels of containers and images: Compose's own, and those of compose.yaml."""

from __future__ import annotations

PROJECT_LABEL = "com.docker.compose.project"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
SERVICE_LABEL = "com.docker.compose.service"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
HASH_LABEL = "com.docker.compose.config-hash"

LABEL = "org.epic.testbed."
"""Start of the name of each label that compose.yaml gives."""
ROLE_LABEL = f"{LABEL}role"
AGENT_LABEL = f"{LABEL}agent"
STAGES_LABEL = f"{LABEL}stages"
CHECKOUT_LABEL = f"{LABEL}checkout"
"""On an image: the checkout that built it."""
