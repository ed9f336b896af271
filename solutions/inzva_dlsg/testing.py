"""The test of the saved network; python testing.py tests it once more."""

import sys
import zipfile

import torch
from utils.data_utils import get_testloader, get_train_and_test_set
from utils.model import MODEL_PATH, NeuralNet
from utils.viz_utils import visualize_predictions


def test_model(device, test_loader):
    """Test the network of models/cifar10_model.pt; print and return its accuracy.

    Args:
    - device (torch.device): where to compute.
    - test_loader (torch.utils.data.DataLoader): images and labels.

    Returns:
    - accuracy (float): share of the images that are classified rightly.

    Of every second batch the first 5 images are drawn with their predictions, as
    figures/prediction_0.jpg and so on. Raises what load_model raises.
    """
    input_size = 3 * 32 * 32
    num_classes = 10
    classes = ["plane", "car", "bird", "cat", "deer"]
    classes += ["dog", "frog", "horse", "ship", "truck"]
    model = load_model(device, input_size, num_classes)
    right = seen = 0
    with torch.no_grad():
        for batch, (images, labels) in enumerate(test_loader):
            images, labels = images.flatten(1).to(device), labels.to(device)
            predicted = model(images).argmax(dim=1)
            right += (predicted == labels).sum().item()
            seen += len(labels)
            if batch % 2 == 0:
                visualize_predictions(images, predicted, labels, batch // 2, classes)
    print(f"Accuracy of the network on the test images: {100 * right / seen:.2f} %")
    return right / seen


def load_model(device, input_size=3 * 32 * 32, num_classes=10):
    """The network that training saved, set to evaluate.

    Raises FileNotFoundError where there is none, ValueError for what is no such file.
    """
    model = NeuralNet(input_size, num_classes).to(device)
    try:
        with zipfile.ZipFile(MODEL_PATH) as archive:  # torch doesn't look at checksums
            if (broken := archive.testzip()) is not None:
                raise ValueError(f"{broken} has another checksum")
        state = torch.load(MODEL_PATH, map_location=device, weights_only=True)
        model.load_state_dict(state)
    except FileNotFoundError:
        advice = f"{MODEL_PATH} is missing; train first, with python main.py"
        raise FileNotFoundError(advice) from None
    except Exception as error:
        problem = f"{MODEL_PATH} is damaged or of another network"
        advice = f"{problem} ({type(error).__name__}); train again, with python main.py"
        raise ValueError(advice) from None
    return model.eval()


if __name__ == "__main__":
    try:
        load_model("cpu")  # what can't be used is refused before images are read
        _, test_set = get_train_and_test_set()
        test_model("cpu", get_testloader(test_set, range(len(test_set)), 1_000))
    except (OSError, ValueError) as error:
        sys.exit(f"testing.py: {error}")
