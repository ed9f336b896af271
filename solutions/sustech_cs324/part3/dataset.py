"""Palindromes of digits, and their last digit to predict (Part III)."""

import numpy as np
import torch
from torch.utils.data import Dataset

DIGITS = 10


class PalindromeDataset(Dataset):
    """Different palindromes of length T = input_length + 1, drawn at random.

    input_length: T - 1, the digits that the network reads
    total_len: how many; there are no more than 10^ceil(T/2), and it is cut to that
    one_hot: inputs are rows of ten, a one at the digit, and not the digit itself
    seed: of the draw; None draws anew each time

    An item is its inputs, float32 (T - 1, 1) or (T - 1, 10), and the last digit.
    Raises ValueError unless input_length and total_len are at least 1.
    """

    def __init__(self, input_length, total_len, one_hot=False, seed=None):
        if input_length < 1 or total_len < 1:
            raise ValueError(
                f"PalindromeDataset({input_length}, {total_len}): both have to be 1 or "
                "more, since the last digit is predicted from at least one before it"
            )
        self.length = input_length + 1
        self.half = -(-self.length // 2)
        self.one_hot = one_hot
        population = DIGITS**self.half  # a Python integer, of any size
        if total_len > population:
            print(
                f"Warning: there are {population:,} palindromes of length "
                f"{self.length}, and not {total_len:,}; all of them are taken."
            )
        self.total_len = min(total_len, population)
        self.data = self.draw(np.random.default_rng(seed))

    def draw(self, rng):
        """Different numbers of up to half digits: what palindromes are mirrored from.

        Below 10^18 they are drawn without replacement. Longer ones don't fit 64 bits:
        their digits are drawn one by one, again if two of them are the same.
        """
        if self.half <= 18:
            return rng.choice(DIGITS**self.half, self.total_len, replace=False).tolist()
        while True:
            rows = rng.integers(DIGITS, size=(self.total_len, self.half), dtype="u1")
            numbers = [int(row.tobytes()) for row in rows + ord("0")]
            if len(set(numbers)) == self.total_len:
                return numbers

    def generate_palindrome(self, data):
        """The T digits of the palindrome whose first half is the number data."""
        first = [int(digit) for digit in str(data).zfill(self.half)]
        return first + first[: self.length // 2][::-1]

    def __len__(self):
        return self.total_len

    def __getitem__(self, idx):
        *inputs, label = self.generate_palindrome(self.data[idx])
        inputs = torch.tensor(inputs)
        if self.one_hot:
            return torch.nn.functional.one_hot(inputs, DIGITS).float(), label
        return inputs[:, None].float(), label
