# What the rules of rules/figures.smk ask for, by wildcards.


def figure(name, caption, label):
    """The files of a figure, of which the report shows one."""
    png = report(
        results(f"figures/{name}.png"),
        caption=caption,
        category="Figures",
        labels={"figure": label},
    )
    return [png, results(f"figures/{name}.svg"), results(f"figures/{name}.pdf")]
