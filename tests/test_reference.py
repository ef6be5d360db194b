"The reference as it is stored lists what the library holds today."

from run import NBS, read


def test_the_stored_listing_is_that_of_the_library():
    cells = [cell for cell in read(NBS / "95_reference.ipynb").cells if cell.cell_type == "code"]
    [stored] = [output["data"]["text/markdown"] for cell in cells for output in cell["outputs"]]
    names = {}
    for cell in cells[1:3]:  # the imports and the functions; the first installs the library where it is missing
        exec(cell.source, names)
    assert stored == "\n\n".join(names["listing"](module) for module in names["MODULES"])
