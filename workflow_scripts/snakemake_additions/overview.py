"""A short table at the end of a dry-run: for every rule, what is done, and what is to be done and why."""

from collections import Counter, defaultdict

REASONS = {
    "_missing_output": "missing",
    "_incomplete_output": "incomplete",
    "code_changed": "code changed",
    "params_changed": "config or code changed",
    "input_changed": "other inputs",
    "software_stack_changed": "environment changed",
    "_updated_input": "input changed",
    "_updated_input_run": "input to be made",
    "forced": "asked for",
}
"""What Snakemake notes of a job, and how the table calls it; the first that holds is the job's reason."""


def print_overview(workflow) -> None:
    """Print the table if this was a dry-run that got as far as to know which jobs are to be run."""
    # Snakemake makes the scheduler once the graph of jobs is whole; before, no job counts as to be run.
    if not workflow.is_main_process or not workflow.dryrun or workflow.scheduler is None:
        return
    rows = counted((job.rule.name, _reason(workflow.dag, job)) for job in workflow.dag.jobs)
    if rows:
        print("\n".join(table(rows)), flush=True)


def _reason(dag, job) -> str | None:
    """Why a job is to be run; None if it is not."""
    if not dag.needrun(job):
        return None
    reason = dag.reason(job)
    return next((name for key, name in REASONS.items() if getattr(reason, key, None)), "other")


def counted(jobs) -> dict[str, Counter]:
    """Rule → reason (None: done) → number of jobs, from pairs of rule and reason."""
    rows = defaultdict(Counter)
    for rule, reason in jobs:
        rows[rule][reason] += 1
    return dict(rows)


def table(rows: dict[str, Counter]) -> list[str]:
    """The lines of the table; the rules that the others need come first, and `all` is left out.

    Files that are missing were never made; whatever else is to be made is stale.
    """
    lines = ["", f"{'rule':<24}{'done':>8}{'missing':>9}{'stale':>8}  why stale"]
    for rule, counts in reversed(rows.items()):
        if rule == "all":
            continue
        stale = {reason: n for reason, n in counts.items() if reason not in (None, "missing")}
        why = ", ".join(f"{reason} {n}" for reason, n in sorted(stale.items(), key=lambda item: -item[1]))
        numbers = f"{counts[None]:>8}{counts['missing']:>9}{sum(stale.values()):>8}"
        lines.append(f"{rule:<24}{numbers}  {why}".rstrip())
    return lines
