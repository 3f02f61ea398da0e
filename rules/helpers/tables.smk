# What the rules of tables ask for.


def table(name, label):
    """The file of a table, which the report shows."""
    return report(
        results(f"tables/{name}.csv"),
        caption=f"../report/{name}.rst",
        category="Tables",
        labels={"table": label},
    )
