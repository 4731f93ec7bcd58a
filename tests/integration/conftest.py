"""What the tests over real sockets share: patience, and the stage."""

from sandbox_support import (
    certificates_once as certificates_once,
)
from sandbox_support import (
    ctrl_c_is_heard as ctrl_c_is_heard,
)
from sandbox_support import (
    httpx_is_patient as httpx_is_patient,
)
from upload_support import stage as stage
