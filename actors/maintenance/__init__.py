"""Maintenance: what one node, the leader, does for all.

    Elector   asks for the term, prolongs it, resigns
    Leader    runs its children only during a term:
              Stager (due becomes available), Rescuer (dead nodes' jobs go back),
              Scheduler (schedules fire), Reindexer (bloated indexes are built anew),
              Sweeper (workflows that nobody looked at go on),
              Pruner (old rows go), Surveyor (queue depths, for the metrics)
    Registrar tells which schedules this node's app defines, leader or not

Rules: what is asked for in a term that is over, by a leader that was stopped or deposed meanwhile,
is not done: the statements themselves see to it. They are safe when two leaders overlap, all the
same; a term is a matter of economy, it keeps a hundred nodes from asking the same question.
"""
