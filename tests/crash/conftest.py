"""The stage of the integration tests is the stage here, too."""

from upload_support import stage as stage
