//! Each document has the fields that docs/json.md tells, and no others.

use serde_json::{Value, json};

use super::run::{Link, Rom, both, root, run, shell_bytes, shell_json};

/// The names of an object's fields, sorted.
#[track_caller]
fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn has(value: &Value, names: &str) {
    let mut expected: Vec<&str> = names.split_whitespace().collect();
    expected.sort_unstable();
    assert_eq!(fields(value), expected);
}

const ATTRIBUTES: &str = "type mode nlink uid gid size_bytes blocks device ino rdev atime mtime ctime";

#[test]
fn lsmod() {
    let rom = Rom::new();
    both(|link| {
        let list = rom.json(link, "lsmod");
        let romfs = list.as_array().unwrap().iter().find(|p| p["name"] == "romfs").unwrap();
        has(romfs, "name version abi link door state reason users drivers");
        assert_eq!(romfs["link"], if link == Link::Static { "static" } else { "dynamic" });
        assert_eq!((&romfs["state"], &romfs["door"]), (&json!("live"), &json!("rust")));
        assert_eq!(romfs["users"], json!([{"kind": "mount", "name": "/rom"}]));
        assert_eq!(romfs["drivers"], json!([{"kind": "filesystem", "name": "romfs"}]));
    });
}

#[test]
fn caps_and_mount() {
    let rom = Rom::new();
    let size = std::fs::metadata(&rom.image).unwrap().len();
    both(|link| {
        let expected = json!({"fs": "romfs", "device": "/dev/ram0", "fioc_mmap": true,
            "bioc_xipbase": {"len_bytes": size, "writable": false}, "mmap": "xip"});
        assert_eq!(rom.json(link, "caps /rom"), expected);
        let mounted = shell_json(link, &rom.attached("mount -t romfs /dev/ram0 /rom"));
        assert_eq!(mounted.json(), expected, "mount shows what caps shows");
        let list = rom.json(link, "mount");
        has(&list[0], "path source fs plugin block_driver read_only options mmap reason users");
        assert_eq!((&list[0]["path"], &list[0]["read_only"]), (&json!("/rom"), &json!(true)));
        assert_eq!(list[0]["options"], json!(["ro", "nodev", "relatime"]));
    });
}

#[test]
fn explain_and_mmap() {
    let rom = Rom::new();
    both(|link| {
        let one = rom.json(link, "explain /rom/link");
        has(&one, "file len_bytes tier reason extents");
        assert_eq!((&one["file"], &one["len_bytes"]), (&json!("/rom/link"), &json!(80_000)));
        let extent = &one["extents"][0];
        has(extent, "file_offset medium_offset len_bytes");
        let two = rom.json(link, "explain /rom/link /rom/empty");
        assert_eq!((&two[0], &two[1]["tier"]), (&one, &json!("none")));
        let map = rom.json(link, "mmap /rom/hello.txt 6 4");
        has(&map, "file offset len_bytes tier address medium begin_bytes");
        has(&map["medium"], "device medium_offset same");
        assert_eq!((&map["tier"], &map["begin_bytes"]), (&json!("xip"), &json!("66726f6d")));
        assert_eq!(map["medium"]["same"], true);
        let address = map["address"].as_u64().unwrap();
        assert_eq!(address % 4096, map["medium"]["medium_offset"].as_u64().unwrap() % 4096);
    });
}

#[test]
fn ls_and_stat() {
    let rom = Rom::new();
    let list = rom.json(Link::Static, "ls -R /rom");
    let list = list.as_array().unwrap();
    let find = |name: &str| list.iter().find(|e| e["name"] == name).unwrap_or_else(|| panic!("{name}"));
    let plain = format!("dir name target {ATTRIBUTES}");
    has(find("hello.txt"), &plain);
    assert_eq!((&find("hello.txt")["type"], &find("hello.txt")["size_bytes"]), (&json!("file"), &json!(22)));
    assert_eq!((&find("x")["dir"], &find("x")["mode"]), (&json!("/rom/sub/deep"), &json!(0o644)));
    assert_eq!(find("link")["target"], "sub/big.bin");
    let raw = find("raw-\u{fffd}.bin");
    has(raw, &format!("{plain} name_bytes"));
    assert_eq!(raw["name_bytes"], "7261772dff2e62696e");
    let one = rom.json(Link::Static, "stat /rom/link");
    has(&one, &format!("path target {ATTRIBUTES}"));
    has(&one["mtime"], "seconds nanoseconds");
    let device = rom.json(Link::Static, "stat /dev/ram0");
    has(&device["rdev"], "major minor");
    assert_eq!(rom.json(Link::Static, "stat /rom /dev").as_array().unwrap().len(), 2);
    assert_eq!(rom.json(Link::Static, "ls /rom/hello.txt")[0]["dir"], Value::Null);
}

#[test]
fn content() {
    let rom = Rom::new();
    let cat = rom.json(Link::Static, "cat /rom/hello.txt");
    assert_eq!(cat, json!({"path": "/rom/hello.txt", "len_bytes": 22, "text": "hello from the medium\n"}));
    let binary = rom.json(Link::Static, "cat /rom/sub/big.bin");
    has(&binary, "path len_bytes text text_bytes");
    let dump = rom.json(Link::Static, "hexdump -s 6 -n 4 /rom/hello.txt");
    assert_eq!(
        dump,
        json!({"path": "/rom/hello.txt", "offset": 6, "len_bytes": 4, "data_bytes": "66726f6d"})
    );
    let same = rom.json(Link::Static, "cmp /rom/link /rom/sub/big.bin");
    assert_eq!(same, json!({"equal": true, "first_difference": null, "shorter": null}));
    let run = shell_json(Link::Static, &rom.mounted("cmp /rom/hello.txt /rom/empty"));
    let document: Value = serde_json::from_str(run.out.lines().nth(1).unwrap()).unwrap();
    assert_eq!(document, json!({"equal": false, "first_difference": 0, "shorter": "b"}));
    assert_eq!((run.status, &*run.err), (1, ""));
    let sums = rom.json(Link::Static, "sha256sum /rom/empty");
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sums, json!([{"path": "/rom/empty", "sha256": sum}]));
}

#[test]
fn the_rest() {
    let rom = Rom::new();
    has(
        &rom.json(Link::Static, "df")[0],
        "path source fs size_bytes used_bytes available_bytes block_size_bytes files files_free",
    );
    both(|link| {
        let info = rom.json(link, "modinfo ramdisk-xip");
        has(&info, "name version abi license author description path drivers params");
        assert_eq!(info["path"].is_null(), link == Link::Static);
        has(&info["params"][0], "name type default help");
    });
    assert_eq!(rom.json(Link::Static, "pwd"), json!({"path": "/"}));
    assert_eq!(rom.json(Link::Static, "readlink /rom/link"), json!({"path": "sub/big.bin"}));
    assert_eq!(rom.json(Link::Static, "echo a 'b  c'"), json!({"text": "a b  c"}));
    has(&rom.json(Link::Static, "help")[0], "command about");
    has(&rom.json(Link::Static, "help ls"), "command about");
    let quiet = shell_json(Link::Static, &rom.attached("mkdir /x; cd /x; cd /; rmdir /x; detach /dev/ram0"));
    assert_eq!(quiet.ok(), "", "commands without output print nothing");
}

#[test]
fn plugin_list_and_info() {
    let list = run(&["--json", "plugin", "list"]).json();
    for plugin in list.as_array().unwrap() {
        has(plugin, "name version abi link state reason drivers path");
    }
    assert!(list.as_array().unwrap().iter().any(|p| p["link"] == "dynamic" && p["state"] == "shadowed"));
    let info = run(&["plugin", "info", "romfs", "--json"]).json();
    assert_eq!((&info["name"], &info["path"]), (&json!("romfs"), &Value::Null));
}

#[test]
fn one_command_alone_may_give_json() {
    let out = shell_bytes(Link::Static, &[], b"pwd; pwd --json; pwd").ok();
    assert_eq!(out, "/\n{\"path\":\"/\"}\n/\n");
}

#[test]
fn errors_are_documents_on_standard_error() {
    let rom = Rom::new();
    both(|link| {
        let run = shell_json(link, &rom.mounted("cd /rom; umount /rom"));
        let error: Value = serde_json::from_str(&run.failed()).unwrap();
        has(&error, "error");
        has(&error["error"], "errno what where expected found remedy");
        assert_eq!(error["error"]["errno"], "EBUSY");
        assert!(error["error"]["found"].as_str().unwrap().contains("working directory"));
    });
    let usage = shell_json(Link::Static, "ls -Z").failed();
    let usage: Value = serde_json::from_str(&usage).unwrap();
    assert_eq!(usage["error"]["errno"], "EINVAL");
    let missing: Value = serde_json::from_str(&run(&["--json", "plugin", "info", "no"]).failed()).unwrap();
    assert_eq!(missing["error"]["errno"], "ENOENT");
}

#[test]
fn loops() {
    let rom = Rom::new();
    let image = rom.image.display();
    let list = rom.json(Link::Static, &format!("losetup -r --host /dev/loop0 {image}; losetup"));
    has(&list[0], LOOP);
    has(&list[0]["cache"], CACHE);
    assert_eq!((&list[0]["host"], &list[0]["file"]), (&json!(true), &json!(image.to_string())));
    let table = std::fs::read_to_string(root().join("docs/json.md")).unwrap();
    for field in LOOP.split(' ').chain(CACHE.split(' ')) {
        assert!(table.contains(&format!("`{field}`")), "docs/json.md does not name {field} of losetup");
    }
    assert_eq!(rom.json(Link::Static, "losetup"), json!([]));
}

const LOOP: &str = "node file host offset sector_size_bytes sectors read_only cache users";
const CACHE: &str = "limit_bytes used_bytes dirty_bytes hits misses read_ahead write_backs";

#[test]
fn the_table_names_every_field() {
    let table = std::fs::read_to_string(root().join("docs/json.md")).unwrap();
    let rom = Rom::new();
    for command in ["lsmod", "caps /rom", "explain /rom/link", "mmap /rom/link", "ls /rom", "df", "mount"] {
        let document = rom.json(Link::Static, command);
        let object = document.get(0).unwrap_or(&document);
        for field in fields(object) {
            assert!(table.contains(&format!("`{field}`")), "docs/json.md does not name {field} of {command}");
        }
    }
}
