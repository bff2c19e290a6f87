# One service of superd. The parameters are those that people know from xinetd modules; `keys` takes every other key.
#
# @param server        absolute path of the program
# @param server_args   its arguments
# @param port          port to listen on
# @param user          user the program runs as
# @param socket_type   stream or dgram
# @param wait          whether one program at a time gets the listening socket
# @param only_from     addresses that may connect; undef is any
# @param no_access     addresses that may not connect
# @param instances     programs at once
# @param per_source    programs at once of one source
# @param ensure        present or absent
# @param keys          other keys of superd-services(5)
# @param folder        folder of service files
# @param program       the superd that checks a file before it is written
# @param reload        command that reloads superd
define superd::service (
  Stdlib::Absolutepath $server,
  Integer[0, 65535] $port,
  String[1] $user,
  Array[String] $server_args = [],
  Enum['stream', 'dgram'] $socket_type = 'stream',
  Boolean $wait = false,
  Optional[Array[String]] $only_from = undef,
  Array[String] $no_access = [],
  Optional[Integer[0]] $instances = undef,
  Optional[Integer[0]] $per_source = undef,
  Enum['present', 'absent'] $ensure = 'present',
  Hash[String, Any] $keys = {},
  Stdlib::Absolutepath $folder = '/etc/superd/services.d',
  Stdlib::Absolutepath $program = '/usr/bin/superd',
  String[1] $reload = '/usr/bin/superd reload',
) {
  $values = {
    'server'      => $server,
    'server_args' => $server_args,
    'port'        => $port,
    'user'        => $user,
    'socket_type' => $socket_type,
    'wait'        => $wait,
    'only_from'   => $only_from,
    'no_access'   => $no_access,
    'instances'   => $instances,
    'per_source'  => $per_source,
  }.filter |$key, $value| { $value =~ NotUndef } + $keys

  file { "${folder}/${title}.toml":
    ensure       => $ensure,
    owner        => 'root',
    group        => 'root',
    mode         => '0644',
    content      => to_toml($values),
    validate_cmd => "${program} check --candidate % --as ${title}",
    notify       => Exec["reload superd for ${title}"],
  }

  exec { "reload superd for ${title}":
    command     => $reload,
    refreshonly => true,
  }
}
