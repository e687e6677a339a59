# fish completion of piko. Commands and flags are those of its own help, so that nothing has to be told twice.
function __piko_commands
    piko help 2>/dev/null | string replace -rf '^  ([a-z]+)  +(.*)' '$1\t$2'
end
function __piko_flags
    piko help (commandline -opc)[2] 2>/dev/null | string replace -rf '^ +(--[a-z][a-z0-9-]*)(?: [A-Z][A-Z0-9_]*)* *(.*)' '$1\t$2'
end
complete -c piko -f -n __fish_use_subcommand -a '(__piko_commands)'
complete -c piko -f -n '__fish_seen_subcommand_from help' -a '(__piko_commands)'
complete -c piko -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -a '(__piko_flags)'
