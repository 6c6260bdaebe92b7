"""Configuration: each option defined once (`table`), read from four sources (`load`).

`kinds` says what values an option may have, `option` what an option is, `toml`, `cores`, `queues`
and `secrets` are what their names say. Layer 0: no trio, no clocks, no processes.
"""

from runtime.config.cores import usable_cores
from runtime.config.load import Settings, load
from runtime.config.option import Option
from runtime.config.queues import QueueLimit
from runtime.config.secrets import mask
from runtime.config.table import OPTION, OPTIONS, Config

__all__ = [
    "OPTION",
    "OPTIONS",
    "Config",
    "Option",
    "QueueLimit",
    "Settings",
    "load",
    "mask",
    "usable_cores",
]
