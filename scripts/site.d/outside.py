"""A hook of mkdocs: pages that lie outside docs/ (recipes, CONTRIBUTING, CHANGELOG) are pages of the site too."""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent.parent
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md")
_OUT = re.compile(r"\]\(\.\./(?=examples/|CONTRIBUTING\.md|CHANGELOG\.md)")


def on_files(files, config):
    """Adds the pages, each under its path in the repository."""
    paths = [ROOT / name for name in PAGES] + sorted((ROOT / "examples").glob("**/README.md"))
    for path in paths:
        files.append(File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links of docs/ that lead out of it; those of the root's own pages lead into it."""
    if page.file.src_uri in PAGES:
        return markdown.replace("](docs/", "](")
    return _OUT.sub("](", markdown)
