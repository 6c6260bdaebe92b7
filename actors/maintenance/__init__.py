"""Maintenance: what one node, the leader, does for all.

    Elector   asks for the term, prolongs it, resigns
    Leader    runs its children only during a term:
              Stager (due becomes available), Rescuer (dead nodes' jobs go back),
              Pruner (old rows go), Surveyor (queue depths, for the metrics)

Rule: each statement is safe when two leaders overlap, so a term is a matter of economy, not of
correctness: it keeps a hundred nodes from asking the same question.
"""
