# bash completion of piko. Commands and flags are those of its own help, so that nothing has to be told twice.
_piko() {
  local piko=${COMP_WORDS[0]} command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]} words=
  if [[ $COMP_CWORD == 1 || $command == help ]]; then
    words=$("$piko" help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
  elif [[ $word == -* && " ${COMP_WORDS[*]:0:COMP_CWORD} " != *" -- "* ]]; then
    words=$("$piko" help "$command" 2>/dev/null | sed -n 's/^  *\(--[a-z][a-z0-9-]*\).*/\1/p')
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _piko piko
