# What both packages have in common: the files that are not Python, and when superd starts.
execute_after_dh_auto_install:
	install -D -m 644 packaging/superd.catalog debian/tmp/usr/lib/systemd/catalog/superd.catalog
	install -D -m 644 packaging/apparmor/usr.bin.superd debian/tmp/etc/apparmor.d/usr.bin.superd
	install -D -m 644 packaging/fail2ban/filter-superd.conf debian/tmp/etc/fail2ban/filter.d/superd.conf
	install -D -m 644 packaging/fail2ban/action-superd.conf debian/tmp/etc/fail2ban/action.d/superd.conf
	install -D -m 644 packaging/fail2ban/jail-superd.conf debian/tmp/usr/share/doc/superd/examples/fail2ban-jail.conf
	install -D -m 644 packaging/superd.socket debian/tmp/usr/share/doc/superd/examples/superd.socket
	cp -r packaging/drop-ins debian/tmp/usr/share/doc/superd/examples/drop-ins
	cp -r examples debian/tmp/usr/share/doc/superd/examples/recipes
	install -D -m 644 debian/tmp/usr/share/zsh/site-functions/_superd debian/tmp/usr/share/zsh/vendor-completions/_superd
	rm -r debian/tmp/usr/share/zsh/site-functions
	# The wheel carries these for hosts without a package.
	rm -rf debian/tmp/usr/share/superd/packaging

override_dh_installsystemd:
	# The maintainer scripts decide about start and restart: another superserver may hold the ports.
	dh_installsystemd -psuperd --no-enable --no-start --no-stop-on-upgrade superd.service

execute_after_dh_install:
	dh_apparmor -psuperd --profile-name=usr.bin.superd

override_dh_installsysusers:
	dh_installsysusers -psuperd
