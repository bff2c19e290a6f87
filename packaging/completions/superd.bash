# Asks superd itself, so that every command, option and service is known.
_superd_completion() {
    local IFS=$'\n'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" \
                   COMP_CWORD=$COMP_CWORD \
                   _SUPERD_COMPLETE=complete_bash $1 ) )
    return 0
}

complete -o default -F _superd_completion superd
