//! Boards: what is wrong with one, what is shown of one, and the shell on one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::run::{Link, Rom, Run, both, nxvfs, root};

struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn file(text: &str) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.toml");
    fs::write(&path, text).unwrap();
    File { _dir: dir, path }
}

/// Runs the program with arguments before a board's file.
fn with(link: Link, args: &[&str], board: &Path) -> Run {
    let mut program = nxvfs();
    if link == Link::Dynamic {
        program.arg("--no-builtin");
    }
    program.args(args).arg(board).output().expect("the binary runs").into()
}

fn check(link: Link, text: &str) -> Run {
    with(link, &["board", "check"], &file(text).path)
}

/// The lines of a check, without the file's name: `LINE: sentence`.
#[track_caller]
fn faults(link: Link, text: &str) -> Vec<String> {
    let board = file(text);
    let run = with(link, &["board", "check"], &board.path);
    assert_eq!((run.status, &*run.err), (1, ""), "{run:?}");
    let place = format!("{}:", board.path.display());
    run.out.lines().map(|line| line.strip_prefix(&place).expect("file and line").to_owned()).collect()
}

/// One fault, in a line, with these words.
#[track_caller]
fn fault(link: Link, text: &str, line: usize, words: &[&str]) {
    let all = faults(link, text);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].starts_with(&format!("{line}: ")), "{all:?}");
    for word in words {
        assert!(all[0].contains(word), "{word}: {all:?}");
    }
}

fn device(rest: &str) -> String {
    format!("[[device]]\ndriver = \"ramdisk-xip\"\nnode = \"/dev/ram0\"\n{rest}\n")
}

fn whole(rom: &Rom) -> String {
    format!(
        "[[device]]\ndriver = \"ramdisk-xip\"\nnode = \"/dev/rom0\"\nparams = {{ image = \"{}\", ro = true }}\n\n\
         [[mount]]\nsource = \"/dev/rom0\"\ntarget = \"/rom\"\ntype = \"romfs\"\noptions = \"ro,mmap=xip\"\n\n\
         [[tmp]]\npath = \"/tmp\"\nsize = \"64K\"\n\n[[link]]\npath = \"/etc\"\ntarget = \"/rom/sub\"\n",
        rom.image.display()
    )
}

#[test]
fn a_board_comes_up_before_the_commands_of_the_shell() {
    let rom = Rom::new();
    let board = file(&whole(&rom));
    both(|link| {
        let out = with(link, &["board", "check"], &board.path).ok();
        assert!(out.ends_with("b.toml: 4 entries, nothing wrong\n"), "{out}");
        let out = with(
            link,
            &["shell", "-c", "cat /rom/hello.txt; ls /etc; echo x > /tmp/y; cat /tmp/y", "--board"],
            &board.path,
        )
        .ok();
        assert_eq!(out, "hello from the medium\nbig.bin\ndeep\nx\n");
    });
}

#[test]
fn a_shell_does_not_begin_on_half_a_board() {
    let tmp = "[[tmp]]\npath = \"/tmp\"\n[[mount]]\ntarget = \"/x\"\ntype = \"ext9\"\n[[plugin]]\nname = \"nothing\"\n";
    both(|link| {
        let said = with(link, &["shell", "-c", "echo not reached", "--board"], &file(tmp).path);
        assert!(said.out.is_empty() && said.status == 1, "{said:?}");
        assert!(said.err.contains("b.toml:3: mount") && said.err.contains("b.toml:6: "), "{said:?}");
    });
    let json = with(Link::Static, &["--json", "shell", "-c", "ls /", "--board"], &file("[[tmp]]\n").path);
    let error: Value = serde_json::from_str(&json.failed()).unwrap();
    assert_eq!(error["error"]["errno"], "EINVAL");
    let missing = with(Link::Static, &["shell", "-c", "ls /", "--board"], Path::new("/no/board")).failed();
    assert!(missing.contains("board /no/board") && missing.contains("(ENOENT)"), "{missing}");
}

#[test]
fn what_is_shown_is_what_comes_up_in_its_order() {
    let board = file(
        "[[tmp]]\npath = \"/tmp\"\nmode = 0o700\n[[link]]\npath = \"/l\"\ntarget = \"to\"\n[[plugin]]\nfile = \"x.so\"\n\
         [[device]]\ndriver = \"d\"\nnode = \"/dev/d\"\nparams = { b = true, a = 0x10 }\n[[partition]]\ndevice = \
         \"/dev/d\"\n[[partition]]\ndevice = \"/dev/d\"\nnode = \"/dev/e\"\nstart_sector = 4\nsectors = 8\n[[tmp]]\npath = \
         \"/f\"\ntype = \"folder\"\n[[plugin]]\nname = \"p\"\n",
    );
    let out = with(Link::Static, &["board", "show"], &board.path).ok();
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["Line", "Entry", "Name", "Driver", "Of", "Parameters"]);
    assert_eq!(rows[1], ["1", "mount", "/tmp", "tmpfs", "-", "mode=0o700"]);
    assert_eq!(rows[2], ["4", "link", "/l", "-", "to", "-"]);
    assert_eq!(rows[3], ["7", "plugin", "-", "-", "x.so", "-"]);
    assert_eq!(rows[4], ["9", "device", "/dev/d", "d", "-", "a=16", "b=y"]);
    assert_eq!(rows[5], ["13", "partition", "-", "-", "/dev/d", "-"]);
    assert_eq!(rows[6], ["15", "partition", "/dev/e", "-", "/dev/d", "sectors", "4", "to", "11"]);
    assert_eq!(rows[7], ["20", "folder", "/f", "-", "-", "mode", "0o1777"]);
    assert_eq!(rows[8], ["23", "plugin", "p", "-", "-", "-"]);
    let json = with(Link::Static, &["--json", "board", "show"], &board.path).json();
    assert_eq!(json[3]["params"], serde_json::json!({ "a": "16", "b": "y" }));
    assert_eq!((&json[5]["start_sector"], &json[5]["line"]), (&Value::from(4), &Value::from(15)));
    let refused = with(Link::Static, &["board", "show"], &file("[[tmp]]\n").path).failed();
    assert!(refused.contains("path = …"), "{refused}");
}

#[test]
fn a_check_tells_all_that_is_wrong_at_once_and_loads_nothing() {
    let text = "[[plugin]]\nname = \"romsf\"\n[[device]]\ndriver = \"ramdisk\"\nnode = \"/dev/null\"\n[[mount]]\nsource \
                = \"/dev/ram7\"\ntarget = \"/a\"\ntype = \"vfaat\"\n[[device]]\nnode = \"/dev/x\"\n";
    both(|link| {
        let all = faults(link, text);
        let expected = [
            (2, "did you mean romfs?"),
            (4, "did you mean ramdisk-xip?"),
            (5, "/dev/null"),
            (9, "did you mean vfat?"),
            (10, "driver = …"),
        ];
        for ((line, word), told) in expected.iter().zip(&all) {
            assert!(told.starts_with(&format!("{line}: ")) && told.contains(word), "{word}: {told}");
        }
        assert_eq!(all.len(), expected.len(), "{all:?}");
    });
    let json = with(Link::Static, &["--json", "board", "check"], &file(text).path);
    assert_eq!((json.status, &*json.err), (1, ""), "{json:?}");
    let list: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 5);
    assert_eq!((&list[0]["line"], &list[0]["errno"]), (&Value::from(2), &Value::from("ENOENT")));
    assert_eq!(list[3]["remedy"], "did you mean vfat?");
    assert!(list[0]["file"].as_str().unwrap().ends_with("b.toml"));
    let fine = with(Link::Static, &["--json", "board", "check"], &file("").path);
    assert_eq!(fine.ok(), "[]\n");
    let missing = with(Link::Static, &["board", "check"], Path::new("/no/board")).failed();
    assert!(missing.contains("board check: board /no/board") && missing.contains("(ENOENT)"), "{missing}");
}

#[test]
fn parameters_are_looked_at_each_in_its_line() {
    both(|link| {
        fault(link, &device("[device.params]\nsectors = 8\nimige = \"x\""), 6, &["did you mean image?"]);
        fault(link, &device("params = { sectors = \"many\" }"), 4, &["sectors", "many", "EINVAL"]);
        fault(link, &device("params = { cache = \"lots\" }"), 4, &["cache", "not a size"]);
        fault(link, &device("params = { image = \"/no/image\" }"), 4, &["/no/image", "ENOENT"]);
        let mount =
            |options: &str| format!("[[mount]]\ntarget = \"/x\"\ntype = \"tmpfs\"\noptions = {options}\n");
        fault(link, &mount("\"ro,sizes=1\""), 4, &["did you mean size?"]);
        fault(link, &mount("\"mmap=fast\""), 4, &["auto, xip, ram or none"]);
        fault(link, &mount("\"size=1,size=2\""), 4, &["given twice"]);
        fault(link, &mount("{ size = \"x\" }"), 4, &["not a size"]);
        fault(link, "[[plugin]]\nname = \"tmpfs\"\nparams = { siz = \"1M\" }\n", 3, &["did you mean size?"]);
        fault(link, "[[plugin]]\nfile = \"/no/plugin.so\"\n", 2, &["ENOENT"]);
        assert!(
            check(link, &device("params = { sectors = 8, cache = \"4K\", partitions = false }")).status == 0
        );
    });
    let two = faults(Link::Static, &device("params = { image = \"/no/image\", sektors = 1 }"));
    assert_eq!(two.len(), 2, "{two:?}");
}

#[test]
fn names_and_devices_are_followed_through_the_file() {
    let mount =
        |source: &str| format!("[[mount]]\nsource = \"{source}\"\ntarget = \"/x\"\ntype = \"vfat\"\n");
    let part = "[[partition]]\ndevice = \"/dev/ram0\"\nnode = \"/dev/part\"\nstart_sector = 1\nsectors = 1\n";
    both(|link| {
        fault(link, &(device("") + &device("")), 7, &["/dev/ram0", "line 1", "EEXIST"]);
        fault(link, &(device("") + part + part), 12, &["/dev/part", "line 5"]);
        fault(link, &(device("") + "[[link]]\npath = \"/dev/ram0\"\ntarget = \"x\"\n"), 6, &["/dev/ram0"]);
        fault(link, &(device("") + &mount("/dev/ram1")), 6, &["did you mean /dev/ram0?", "ENOTBLK"]);
        fault(link, &(mount("/dev/ram0") + &device("")), 2, &["line 5 does; it must stand before"]);
        fault(link, "[[partition]]\ndevice = \"/dev/ram0\"\n", 2, &["write a [[device]] before"]);
        let twice = "[[tmp]]\npath = \"/tmp\"\n".repeat(2);
        fault(link, &twice, 3, &["/tmp", "line 1", "EBUSY"]);
        for fine in [
            device("") + &mount("/dev/ram0"),
            device("") + &mount("/dev/ram0p1"),
            device("") + part + &mount("/dev/part"),
            "[[mount]]\nsource = \"none\"\ntarget = \"/x\"\ntype = \"tmpfs\"\n".to_owned(),
        ] {
            let run = check(link, &fine);
            assert_eq!(run.status, 0, "{run:?}");
        }
    });
    // The entry that could not be read may make the device.
    let broken = "[[device]]\nnode = \"/dev/ram0\"\n".to_owned() + &mount("/dev/ram0");
    fault(Link::Static, &broken, 1, &["driver = …"]);
}

#[test]
fn what_is_no_toml_is_told_alone() {
    let all = faults(Link::Static, "[[device]\n\n[[mount]]\ntarget = \n");
    assert!(
        all.len() == 2 && all[0].starts_with("1: not TOML") && all[1].starts_with("4: not TOML"),
        "{all:?}"
    );
    let long = file(&"#".repeat(2 << 20));
    assert!(with(Link::Static, &["board", "check"], &long.path).failed().contains("at most 1 MiB"));
    let binary = file("");
    fs::write(&binary.path, [0xff, 0xfe]).unwrap();
    assert!(with(Link::Static, &["board", "check"], &binary.path).failed().contains("UTF-8"));
}

/// The words after `expected one of`, of the only fault.
#[track_caller]
fn known(text: &str) -> BTreeSet<String> {
    let all = faults(Link::Static, text);
    let told = all.iter().find(|told| told.contains("zzz")).expect("a fault");
    let (_, list) = told.split_once("expected one of ").expect("a list");
    let list = list.trim_end_matches(" (EINVAL)");
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_says_what_the_parser_takes() {
    let schema = fs::read_to_string(root().join("docs/board.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    let sections = &schema["properties"];
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(keys(sections), known("zzz = 1\n"));
    for (name, section) in sections.as_object().unwrap() {
        let entry = &section["items"];
        assert_eq!(entry["additionalProperties"], false, "{name}");
        assert_eq!(keys(&entry["properties"]), known(&format!("[[{name}]]\nzzz = 1\n")), "{name}");
        // What is needed: each is missed in an entry without keys.
        let told = faults(Link::Static, &format!("[[{name}]]\n"));
        let missed = |key: &str| told.iter().any(|told| told.contains(&format!("{key} = …")));
        let needed = entry["required"].as_array().cloned().unwrap_or_default();
        for key in keys(&entry["properties"]) {
            assert_eq!(needed.contains(&Value::from(&*key)), missed(&key), "{name}.{key}: {told:?}");
        }
        for (key, about) in entry["properties"].as_object().unwrap() {
            takes_the_types(name, key, &schema, about);
        }
        let example = fs::read_to_string(root().join("docs/board.md")).unwrap();
        assert!(example.contains(&format!("`[[{name}]]`")), "docs/board.md has no row for {name}");
    }
}

/// A value of each type is refused for its type if and only if the schema refuses it.
fn takes_the_types(section: &str, key: &str, schema: &Value, about: &Value) {
    let resolved = |about: &Value| match about["$ref"].as_str() {
        Some(pointer) => schema.pointer(pointer.trim_start_matches('#')).unwrap().clone(),
        None => about.clone(),
    };
    let about = resolved(about);
    let types: Vec<Value> = match about["oneOf"].as_array() {
        Some(choices) => choices.iter().map(|choice| resolved(choice)["type"].clone()).collect(),
        None => vec![about["type"].clone()],
    };
    for (ty, value) in [
        ("string", "\"x\""),
        ("integer", "7"),
        ("object", "{ a = 1 }"),
        ("boolean", "true"),
        ("array", "[1]"),
    ] {
        let told = check(Link::Static, &format!("[[{section}]]\n{key} = {value}\n")).out;
        let refused = told.lines().any(|told| told.contains(&format!("not such a value: {key}:")));
        assert_eq!(types.contains(&Value::from(ty)), !refused, "{section}.{key} = {value}: {told}");
    }
}

#[test]
fn the_example_of_the_documentation_is_a_board() {
    let text = fs::read_to_string(root().join("docs/board.md")).unwrap();
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let rom = Rom::new();
    let example = example.replace("rom.img", rom.image.to_str().unwrap());
    both(|link| {
        check(link, &example).ok();
        let out =
            with(link, &["shell", "-c", "cat /rom/hello.txt; df", "--board"], &file(&example).path).ok();
        assert!(out.starts_with("hello from the medium\n") && out.contains("/tmp"), "{out}");
    });
}
