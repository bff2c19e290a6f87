# Asks superd itself, so that every command, option and service is known.
complete --command superd --no-files --arguments "(env _SUPERD_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS=(commandline -cp) superd)" --condition "env _SUPERD_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=is-args _TYPER_COMPLETE_ARGS=(commandline -cp) superd"
