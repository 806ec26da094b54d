package Redmine;

# A Redmine of our own: a copy of the packaged application, because that one
# reads its database from the machine's configuration; a database, and the web
# server (puma) on loopback.

use strict;
use warnings;
use utf8;

use Hosts qw(out_dir free_port spawn stop run_ok wait_until http json_http write_file read_file);

my $PASSWORD = 'pass12345';

# new(name => 'redmine'): makes the application, the database with Redmine's
# own default data, and starts the server.
#   timezone => of the Ruby process (default Asia/Shanghai)
#   projects => { identifier => name }
#   people   => { login => [ [project, role], ... ] }
#   groups   => { name => { project => ..., members => [login, ...] } }
sub new
{
	my ($class, %option) = @_;
	my $name = $option{name} // 'redmine';
	my $self = bless { name => $name, folder => "$ENV{TRIAGE_TMP}/tmp/$name", port => free_port(),
		timezone => $option{timezone} // 'Asia/Shanghai' }, $class;

	$self->{url} = "http://127.0.0.1:$self->{port}";
	$self->copy;
	Hosts::make_database($name, owner => "${name}user");
	$self->{env} = { HOME => $self->{folder}, RAILS_ENV => 'production', REDMINE_LANG => 'en', TZ => $self->{timezone},
		RAILS_LOG_TO_STDOUT => 1, SCHEMA => "$self->{folder}/schema.rb", BUNDLE_GEMFILE => "$self->{folder}/Gemfile" };
	$self->seed(%option);
	$self->start;
	return $self;
}

sub copy
{
	my ($self) = @_;
	my $to = $self->{folder};

	# what links to Debian's JavaScript becomes files; what links to the machine's instance stays behind
	run_ok({}, 'sh', '-c', 'mkdir "$1" && cd /usr/share/redmine && tar -chf - --exclude=./instances --exclude=./Gemfile.lock'
		. ' --exclude=./config/database.yml . | tar -xf - -C "$1" && cd "$1" && mkdir -p instances/default/config instances/default/tmp'
		. ' instances/default/log instances/default/files tmp files && sed -i "s#/usr/share/redmine/#$1/#" Gemfile', 'sh', $to);
	my $database = "production:\n  adapter: postgresql\n  database: $self->{name}\n  username: $self->{name}user\n"
		. "  host: 127.0.0.1\n  port: $ENV{PGPORT}\n  encoding: utf8\n";
	write_file("$to/config/database.yml", $database);
	write_file("$to/instances/default/config/database.yml", $database);
	write_file("$to/instances/default/config/secret_key.txt", '0123456789abcdef' x 4);
	write_file("$to/config/configuration.yml", "production:\n  attachments_storage_path: $to/files\n");
	return;
}

# Runs a Ruby script inside Redmine, without its web server; returns what it says.
sub ruby
{
	my ($self, $script) = @_;
	my $file = write_file("$self->{folder}/script.rb", $script);
	return run_ok($self->{env}, 'sh', '-c', 'cd "$1" && exec ruby -r ./config/environment script.rb', 'sh', $self->{folder});
}

sub seed
{
	my ($self, %option) = @_;
	my %projects = %{ $option{projects} // {} };
	my %people = %{ $option{people} // {} };
	my %groups = %{ $option{groups} // {} };
	my $script = <<~'EOF';
		u = User.find_by(login: 'admin'); u.password = 'adminpass1'; u.must_change_passwd = false; u.save!
		Setting.rest_api_enabled = '1'; Setting.issue_group_assignment = '1'; Setting.default_language = 'en'
		Setting.default_users_time_zone = 'Asia/Shanghai'
		@keys = {'admin' => u.api_key}
		def project(id, name)
		  p = Project.new(name: name, identifier: id, is_public: true)
		  p.enabled_module_names = %w(issue_tracking); p.trackers = Tracker.all; p.save!
		end
		def member(who, project, role)
		  Member.create!(project: Project.find_by(identifier: project), principal: who, roles: [Role.find_by(name: role)])
		end
		def person(login, places)
		  u = User.new(firstname: login.capitalize, lastname: 'Desk', mail: "#{login}@desk.test", language: 'en')
		  u.login = login; u.password = 'pass12345'; u.must_change_passwd = false; u.mail_notification = 'none'; u.save!
		  places.each { |p, r| member(u, p, r) }
		  @keys[login] = u.api_key
		end
		def group(name, project, logins)
		  g = Group.new(lastname: name); g.save!; g.users << User.where(login: logins); member(g, project, 'Developer')
		end
		EOF
	my $quote = sub { my ($s) = @_; $s =~ s/(['\\])/\\$1/g; return "'$s'" };

	$script .= 'project(' . join(', ', map { $quote->($_) } $_, $projects{$_}) . ")\n" for sort keys %projects;
	for my $login (sort keys %people)
	{
		$script .= 'person(' . $quote->($login) . ', [' . join(', ', map { '[' . join(', ', map { $quote->($_) } @$_) . ']' } @{ $people{$login} }) . "])\n";
	}
	for my $name (sort keys %groups)
	{
		$script .= 'group(' . $quote->($name) . ', ' . $quote->($groups{$name}{project}) . ', ['
			. join(', ', map { $quote->($_) } @{ $groups{$name}{members} }) . "])\n";
	}
	$script .= qq{puts "KEYS " + \@keys.map { |k, v| "#{k}=#{v}" }.join(' ')\n};

	# One start of Ruby for all three.  Migrations run in a child: they leave its
	# classes with the tables as they once were.
	my $said = $self->ruby(<<~"EOF");
		ActiveRecord::Base.connection_handler.clear_all_connections!
		child = fork do
		  ActiveRecord::Base.establish_connection
		  ActiveRecord::Tasks::DatabaseTasks.migrate
		end
		Process.wait(child)
		\$?.success? or exit 1
		ActiveRecord::Base.establish_connection
		ActiveRecord::Base.descendants.each(&:reset_column_information)
		Redmine::DefaultData::Loader.load('en')
		$script
		EOF
	my ($keys) = $said =~ /^KEYS (.*)$/m or die "Redmine gave no keys:\n$said";
	$self->{keys} = { map { split /=/, $_, 2 } split / /, $keys };
	return;
}

sub start
{
	my ($self) = @_;
	$self->{pid} = spawn($self->{name}, $self->{env}, 'sh', '-c', 'cd "$1" && exec puma -b "tcp://127.0.0.1:$2" -t 2:6 -e production', 'sh',
		$self->{folder}, $self->{port});
	wait_until(sub { (http('GET', "$self->{url}/login"))[0] == 200 }, 'Redmine answers', 90);
	return;
}

sub stop_server { stop(delete $_[0]{pid}); return }

sub db { my ($self, %option) = @_; return Hosts::db($self->{name}, %option) }

# ---- REST ---------------------------------------------------------------------------

# (status, data); as a person with user => login, else as admin
sub rest
{
	my ($self, $method, $path, $data, %option) = @_;
	my ($status, $answer) = json_http($method, "$self->{url}/$path", { 'X-Redmine-API-Key' => $self->{keys}{ $option{user} // 'admin' } }, $data);
	return ($status, $answer);
}

# Creates an issue, returns its id; dies when Redmine refuses.
sub create
{
	my ($self, %values) = @_;
	my $user = delete $values{user};
	my ($status, $answer) = $self->rest('POST', 'issues.json', { issue => { project_id => 'intake', tracker_id => 3, subject => 'issue', %values } }, user => $user);
	die "Redmine answers $status to a new issue\n" if $status != 201;
	return $answer->{issue}{id};
}

# An issue with journals and relations.
sub issue { my ($self, $id, %option) = @_; return ($self->rest('GET', "issues/$id.json?include=journals,relations,children", undef, %option))[1]{issue} }

sub put
{
	my ($self, $id, $values, %option) = @_;
	return ($self->rest('PUT', "issues/$id.json", { issue => $values }, %option))[0];
}

# A file for a new issue or a note: the token that names it.
sub upload
{
	my ($self, $name, $bytes, %option) = @_;
	my ($status, $body) = http('POST', "$self->{url}/uploads.json?filename=$name", { raw => $bytes,
		headers => { 'X-Redmine-API-Key' => $self->{keys}{ $option{user} // 'admin' }, 'Content-Type' => 'application/octet-stream' } });
	die "Redmine answers $status to a file\n" if $status != 201;
	return $body =~ /"token":"([^"]+)"/ ? $1 : die "Redmine gave no token: $body\n";
}

# ---- the page -------------------------------------------------------------------------

# The window of a person, who is logged in from the first time on.
sub login
{
	my ($self, $user, $password) = @_;
	return $self->{windows}{$user} if $self->{windows}{$user};
	my $b = $self->{windows}{$user} = Browser->new("$self->{name}-$user");
	$b->goto("$self->{url}/login");
	$b->fill('#username', $user);
	$b->fill('#password', $password // $PASSWORD);
	$b->follow('#login-submit');
	return $b;
}

sub show
{
	my ($self, $browser, $id) = @_;
	return $browser->goto("$self->{url}/issues/$id");
}

1;
