package RT;

# A Request Tracker 5 of our own: database, configuration, web server on
# loopback.  Source of the settings: Debian's packages, RT's own documentation.

use strict;
use warnings;
use utf8;

use Hosts qw(free_port spawn stop run_ok wait_until http json_http write_file);

my $BASIC = 'Basic cm9vdDpwYXNzd29yZA==';		# root:password, as RT's own setup makes it

# new(name => 'rt'): makes the database and starts the server.
#   users   => [...] agents, all in group "agents", password pass1234
#   queues  => [...] names
sub new
{
	my ($class, %option) = @_;
	my $name = $option{name} // 'rt';
	my $self = bless { name => $name, folder => "$ENV{TRIAGE_TMP}/tmp/$name", port => free_port() }, $class;

	$self->{url} = "http://127.0.0.1:$self->{port}";
	mkdir $_ for $self->{folder}, "$self->{folder}/mason", "$self->{folder}/d";
	$self->configure;
	$self->{env} = { RT_SITE_CONFIG => "$self->{folder}/RT_SiteConfig.pm", RT_SITE_CONFIG_DIR => "$self->{folder}/d" };
	# of an earlier test in this cluster
	my $admin = Hosts::db('postgres');
	$admin->do(qq{DROP DATABASE IF EXISTS "$name" WITH (FORCE)});
	$admin->do(qq{DROP ROLE IF EXISTS "${name}user"});
	run_ok($self->{env}, 'rt-setup-database-5', qw(--action init --dba postgres --dba-password), 'none');
	$self->initialdata($self->agents(@option{qw(users queues)}));
	$self->start;
	return $self;
}

sub configure
{
	my ($self) = @_;
	write_file("$self->{folder}/RT_SiteConfig.pm", <<~"EOF");
		Set(\$rtname, 'desk.test'); Set(\$Organization, 'desk.test'); Set(\$Timezone, 'UTC');
		Set(\$WebPath, ''); Set(\$WebDomain, '127.0.0.1'); Set(\$WebPort, $self->{port}); Set(\$WebBaseURL, '$self->{url}');
		Set(\$DatabaseType, 'Pg'); Set(\$DatabaseHost, '127.0.0.1'); Set(\$DatabasePort, '$ENV{PGPORT}');
		Set(\$DatabaseName, '$self->{name}'); Set(\$DatabaseUser, '$self->{name}user'); Set(\$DatabasePassword, 'none');
		Set(\$DatabaseAdmin, 'postgres');
		Set(\$MailCommand, 'testfile'); Set(\$LogToSyslog, undef); Set(\$LogToFile, undef); Set(\$LogToSTDERR, 'warning');
		Set(\$MasonDataDir, '$self->{folder}/mason');
		Set(\$CanonicalizeRedirectURLs, 0); Set(\@ReferrerWhitelist, '127.0.0.1:$self->{port}');
		1;
		EOF
	return;
}

# A file of RT's own initial data: queues, agents and what they may do.
sub agents
{
	my ($self, $users, $queues) = @_;
	my $list = sub { join ', ', map { "'$_'" } @_ };

	return "our \@Queues = (" . join(', ', map { "{Name => '$_'}" } @{ $queues // [] }) . ");\n"
		. "our \@Users = (" . join(', ', map { "{Name => '$_', EmailAddress => '$_\@desk.test', Privileged => 1, Password => 'pass1234'}" } @{ $users // [] }) . ");\n"
		. "our \@Groups = ({Domain => 'UserDefined', Name => 'agents', Members => {Users => [" . $list->(@{ $users // [] }) . "]}});\n"
		. "our \@ACL = ((map +{GroupDomain => 'UserDefined', GroupId => 'agents', Right => \$_}, qw(SeeQueue ShowTicket\n"
		. "	ShowTicketComments CommentOnTicket ReplyToTicket ModifyTicket OwnTicket TakeTicket ReassignTicket CreateTicket)),\n"
		. "	{GroupDomain => 'RT::System-Role', GroupType => 'Requestor', Right => 'ShowTicket'},\n"
		. "	(map +{GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => \$_}, qw(CreateTicket ReplyToTicket)));\n1;\n";
}

# Has RT's own tool insert a file of initial data.
sub initialdata
{
	my ($self, $text) = @_;
	my $file = write_file("$self->{folder}/data.pl", "use utf8;\n$text");
	return run_ok($self->{env}, 'rt-setup-database-5', qw(--action insert --skip-create --dba postgres --dba-password none --datafile), $file);
}

sub start
{
	my ($self) = @_;
	$self->{pid} = spawn($self->{name}, $self->{env}, '/usr/share/request-tracker5/libexec/rt-server',
		'--server', 'Starlet', '--host', '127.0.0.1', '--port', $self->{port}, '--max-workers', 3);
	wait_until(sub { (http('GET', "$self->{url}/"))[0] == 200 }, 'RT answers', 60);
	return;
}

sub stop_server { stop(delete $_[0]{pid}); return }

sub db { my ($self, %option) = @_; return Hosts::db($self->{name}, %option) }

# ---- REST ---------------------------------------------------------------------------

sub basic
{
	my ($user) = @_;
	require MIME::Base64;
	return $user ? 'Basic ' . MIME::Base64::encode_base64("$user:pass1234", '') : $BASIC;
}

# (status, data); as an agent with user => name, else as root
sub rest
{
	my ($self, $method, $path, $data, %option) = @_;
	my ($status, $answer) = json_http($method, "$self->{url}/REST/2.0/$path", { Authorization => basic($option{user}) }, $data);
	return ($status, $answer);
}

# Creates a ticket, returns its id; dies when RT refuses.
sub create
{
	my ($self, %values) = @_;
	my ($status, $answer) = $self->rest('POST', 'ticket',
		{ Queue => 'General', Subject => 'ticket', Requestor => 'alice@desk.test', %values });
	die "RT answers $status to a new ticket\n" if $status != 201;
	return $answer->{id};
}

sub ticket { my ($self, $id) = @_; return ($self->rest('GET', "ticket/$id"))[1] }

sub put
{
	my ($self, $id, $values, %option) = @_;
	return $self->rest('PUT', "ticket/$id", $values, %option);
}

# comment or correspond, plain text; type => 'text/html' for a page
sub say
{
	my ($self, $kind, $id, $text, %option) = @_;
	return $self->rest('POST', "ticket/$id/$kind", { Content => $text, ContentType => $option{type} // 'text/plain' }, user => $option{user});
}

# A mail (bytes) as it comes to the gateway.
sub mail
{
	my ($self, $queue, $bytes, %option) = @_;
	my $file = "$self->{folder}/mail.$$";
	open my $f, '>:raw', $file or die "$file: $!\n";
	print $f $bytes;
	close $f;
	return run_ok($self->{env}, 'sh', '-c', 'exec rt-mailgate --queue "$1" --action "$2" --url "$3" <"$4"', 'sh',
		$queue, $option{action} // 'correspond', "$self->{url}/", $file);
}

# What RT's own checker finds wrong; empty = sound.
sub validator
{
	my ($self) = @_;
	return run_ok($self->{env}, 'rt-validator-5', '--check');
}

# ---- the page -------------------------------------------------------------------------

sub login
{
	my ($self, $user, $password) = @_;
	my $b = Browser->new($user);
	$b->goto("$self->{url}/");
	$b->fill('input[name=user]', $user);
	$b->fill('input[name=pass]', $password // 'pass1234');
	$b->follow('input[type=submit]');
	return $b;
}

sub show
{
	my ($self, $browser, $id) = @_;
	return $browser->goto("$self->{url}/Ticket/Display.html?id=$id");
}

1;
