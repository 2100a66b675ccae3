"""In: a lab. Out: who can talk to whom, and the packet's way there and back, from the model alone."""

from gen.reach.conversation import Conversation, converse, try_to_reach
from gen.reach.wiring import Assumptions, Machines, connect

__all__ = ["Assumptions", "Conversation", "Machines", "connect", "converse", "try_to_reach"]
