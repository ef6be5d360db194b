from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class WithFigures(build_py):
    "Everything is in pyproject.toml, but for this: the interactive figures of nbs/ travel with the package"

    def run(self):
        super().run()
        if not self.editable_mode:
            copytree("nbs/interactive", f"{self.build_lib}/mnist_nb/interactive", dirs_exist_ok=True)


setup(cmdclass={"build_py": WithFigures})
