"""The command line. In reading order:

`main` finds the command; `exits` says what each exit status means and which error leads to it;
`options` makes a command's flags from the table of options; `session` opens the database for a
command; `output` prints, as a table or as JSON. One module a command: `serve`, `migrate`,
`enqueue`, `jobs`, `workflow`, `events`, `queues`, `nodes`, `check`, `show_config`.

Rule: a command's module is imported when it is called, so that `--help` costs 0.2 s and not 1 s.
"""
