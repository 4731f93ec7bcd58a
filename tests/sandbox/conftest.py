"""What the tests of the sandbox share: patience."""

from sandbox_support import (
    certificates_once as certificates_once,
)
from sandbox_support import (
    cookie as cookie,
)
from sandbox_support import (
    ctrl_c_is_heard as ctrl_c_is_heard,
)
from sandbox_support import (
    httpx_is_patient as httpx_is_patient,
)
from sandbox_support import (
    peer as peer,
)
from sandbox_support import (
    sandbox as sandbox,
)
from upload_support import stage as stage
