"""The plug is pulled during the first boot, at random moments; the box comes up each time and is one and the same.

With those of `test_family.py`, ten cuts in a run; `HEARTH_CUTS` makes it more.
"""

import os
import random
import time
import unittest

import harness
from harness import PATIENCE


class Power(harness.BoxTest):
    def test_power_cuts_during_the_first_boot(self):
        seed = int(os.environ.get("HEARTH_SEED", time.time_ns() % 1_000_000))
        cuts = int(os.environ.get("HEARTH_CUTS", "4"))
        chance = random.Random(seed)
        print(f"image test: {cuts} power cuts during first boot, seed {seed}")
        reference = self.box("reference")
        reference.start()
        whole = reference.wait_ready(PATIENCE)
        reference.power_cut()

        box = self.box("cut", probe=True)
        identity = None
        for number in range(cuts):
            # Later cuts hit a card that earlier ones have left half-made.
            after = chance.uniform(0.2, 1.1) * whole
            box.start()
            box.wait_or(after)
            told = box.setup_code()
            box.power_cut()
            if told:
                self.assertIn(identity, (None, told), f"cut {number} at {after:.1f} s made another box of it, seed {seed}")
                identity = told
        box.start()
        box.wait_ready(PATIENCE)
        box.wait_console("Setup code: ", PATIENCE)
        if identity:
            self.assertEqual(box.setup_code(), identity, f"seed {seed}")
        self.assertEqual(self.inside(box, "systemctl --failed --no-legend --plain"), "")


if __name__ == "__main__":
    unittest.main()
