"""What the training was worth, on rows that it never saw: losses and answers of the base beside the tuned model's.

Before the first step, and before a checkpoint is loaded, a fresh adapter changes nothing: `held_out_losses` are then the
base's. After the last step, with the best adapter loaded, `prove` compares.
"""

from __future__ import annotations

from whetstone.finetune.proof.losses import Losses, held_out_losses
from whetstone.finetune.proof.prove import Proof, prove

__all__ = ["Losses", "Proof", "held_out_losses", "prove"]
