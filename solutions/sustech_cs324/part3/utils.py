"""What train.py counts with."""


class AverageMeter:
    """The last value and the running average of a number.

    name, fmt: for printing it, as in "Loss 0.6931 (0.7012)"
    """

    def __init__(self, name, fmt=":f"):
        self.name = name
        self.fmt = fmt
        self.reset()

    def reset(self):
        """Forget everything."""
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        """Count val, the mean of n samples; a short batch weighs less that way."""
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        form = "{name} {val" + self.fmt + "} ({avg" + self.fmt + "})"
        return form.format(**vars(self))


def accuracy(output, target):
    """The share of rows of output (n, classes) that are largest at target (n,)."""
    return (output.argmax(dim=1) == target).float().mean().item()
