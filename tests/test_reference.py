"The reference as it is stored lists what the library holds today."

import re

from run import NBS, read


def test_the_stored_listing_is_that_of_the_library():
    cells = [cell for cell in read(NBS / "95_reference.ipynb").cells if cell.cell_type == "code"]
    outputs = [output.get("data", {}) for cell in cells for output in cell["outputs"]]
    [stored] = [data["text/markdown"] for data in outputs if "text/markdown" in data]
    names = {}
    for cell in cells[1:4]:  # the imports, the examples and the functions; the first installs the library
        exec(cell.source, names)
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` (.*?) \| `", stored, re.MULTILINE)
    held = {m: names["public"](m) for m in names["MODULES"]}
    told = [(k, names["call"](k, o), " ".join(o.__doc__.split())) for m in held for k, o in held[m].items()]
    assert rows == told
