"""Names for VPSes that were given none: `vps-7k2mq`. Pure but for the dice it is handed."""

import random

ALPHABET = "23456789bcdfghjkmnpqrstvwxz"  # no vowels, so no words; nothing that reads like another
LENGTH = 5


def generate(dice: random.Random) -> str:
    return "vps-" + "".join(dice.choice(ALPHABET) for _ in range(LENGTH))
