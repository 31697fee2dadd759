"""What the scripts of hostile files share: a folder of files and, beside it, what the refusal of each must contain."""

import json
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent


def write_corpus(name, files):
    """Writes tests/hostile/NAME/ and NAME.json. `files` is {file name: (content, words of the refusal)}.

    Content is bytes, or for what would be large a recipe: a list of (bytes, how many times), which the test unfolds. A
    recipe is saved as JSON, under the file's name and ".recipe", its bytes as the first 256 characters.
    """
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    manifest = {}
    for file, (content, words) in files.items():
        if isinstance(content, list):
            file += ".recipe"
            content = json.dumps([[part.decode("latin-1"), times] for part, times in content]).encode() + b"\n"
        (folder / file).write_bytes(content)
        manifest[f"{name}/{file}"] = words
    (HERE / f"{name}.json").write_text(json.dumps(dict(sorted(manifest.items())), indent=1, ensure_ascii=False) + "\n")
