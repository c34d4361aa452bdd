"""Pages that a tool writes: one that stays the same is left alone, because Sphinx reads only what changed."""


def write(folder, pages):
    """Write {path in the folder: content}."""
    for name, content in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")


def write_all(folder, pages):
    """The same for a folder that has no other files: the page of what is gone goes too."""
    for path in folder.rglob("*.*"):
        if path.relative_to(folder).as_posix() not in pages:
            path.unlink()
    write(folder, pages)
