"""kvmgen compiles a topology file (`lab.dsl`) into audited bash. Start reading in driver.py."""

__version__ = "0.1.0"
