"The command `mnist-nb`, also as `python -m mnist_nb`."

import sys

from mnist_nb.your_digit import _main as main

if __name__ == "__main__":
    sys.exit(main())
