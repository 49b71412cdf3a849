//! Who may do what.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::alike;

#[test]
fn another_user_is_held_to_the_mode_bits() {
    alike(|t| {
        let put = |name: &str, mode| {
            fs::write(t.at(name), "secret").unwrap();
            fs::set_permissions(t.at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, mode) in [
            ("none", 0o600),
            ("group", 0o640),
            ("read", 0o644),
            ("write", 0o622),
            ("exec", 0o711),
            ("all", 0o777),
        ] {
            put(name, mode);
        }
        fs::create_dir(t.at("closed")).unwrap();
        put("closed/inside", 0o666);
        fs::set_permissions(t.at("closed"), fs::Permissions::from_mode(0o700)).unwrap();
        for name in ["none", "group", "read", "write", "exec", "all", "closed/inside"] {
            t.nobody(&format!("cat {name}"));
            t.nobody(&format!("echo more >> {name}"));
            t.nobody(&format!("chmod 777 {name}"));
            t.nobody(&format!("truncate -s 3 {name}"));
            t.nobody(&format!("test -r {name}; echo $?; test -w {name}; echo $?; test -x {name}; echo $?"));
        }
        t.nobody("ls closed; cd closed; rm none; mv read other; ln read other; mkdir new; touch new2; ln -s x new3");
        t.nobody("mknod device c 1 3; mkfifo pipe");
        // As one of the group, as the owner who gave himself nothing, with only search.
        chown(t.at("group"), Some(1), Some(1234)).unwrap();
        t.sh("setpriv --reuid 65534 --regid 65534 --groups 1234 sh -c 'cat group; echo x >> group'");
        chown(t.at("group"), Some(65534), Some(0)).unwrap();
        fs::set_permissions(t.at("group"), fs::Permissions::from_mode(0o077)).unwrap();
        t.nobody("cat group; chmod 400 group; cat group; echo x >> group");
        fs::set_permissions(t.at("closed"), fs::Permissions::from_mode(0o711)).unwrap();
        t.nobody("ls closed; cat closed/inside; cat closed/missing; touch closed/new");
        t.sh("stat -c '%n %a %u %s' *");
    });
}

#[test]
fn programs_run_and_set_user_id_counts() {
    alike(|t| {
        fs::copy("/bin/id", t.at("id")).unwrap();
        fs::set_permissions(t.at("id"), fs::Permissions::from_mode(0o4755)).unwrap();
        t.nobody("./id -u");
        fs::write(t.at("script"), "#!/bin/sh\necho ran $0 $1\n").unwrap();
        fs::set_permissions(t.at("script"), fs::Permissions::from_mode(0o755)).unwrap();
        t.sh("./script with");
        fs::set_permissions(t.at("script"), fs::Permissions::from_mode(0o644)).unwrap();
        t.sh("./script with 2>/dev/null");
        t.done("written while it runs", busy(t.at("id").as_path()));
    });
}

/// Opens a program's file for writing while it runs.
fn busy(program: &std::path::Path) -> std::io::Result<()> {
    let copy = program.with_file_name("sleep");
    fs::copy("/bin/sleep", &copy)?;
    let mut running = std::process::Command::new(&copy).arg("1000").spawn()?;
    let opened = fs::File::options().append(true).open(&copy).map(drop);
    running.kill()?;
    running.wait()?;
    opened
}
