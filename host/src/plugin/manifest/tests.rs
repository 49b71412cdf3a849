//! Every refusal of a manifest, and manifests that pass.

use super::*;
use crate::base::Errno;

const GOOD: [&str; 10] = [
    "name=ramdisk-xip",
    "version=0.1.0",
    "abi=1.0",
    "license=MIT OR Apache-2.0",
    "author=The nxvfs authors",
    "description=RAM disk, usable in place",
    "entry=ramdisk_xip",
    "provides=block:ramdisk-xip",
    "parm=sectors:uint:0:number of sectors",
    "parm=image:path::file to map: any: as it is",
];

fn bytes(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\0"].concat()).collect()
}

/// The good manifest with the entry of one key replaced (`None`: left out).
fn altered(key: &str, line: Option<&str>) -> Vec<u8> {
    let lines = GOOD.iter().filter(|good| good.split('=').next() != Some(key)).copied().chain(line);
    bytes(&lines.collect::<Vec<_>>())
}

fn refusal(bytes: &[u8]) -> ManifestError {
    let error = Manifest::parse(bytes).expect_err("refused");
    let detail = error.detail();
    assert_eq!(error.errno(), Errno::ENOEXEC);
    for part in [&detail.what, &detail.expected, &detail.found, &detail.remedy] {
        assert!(!part.is_empty(), "{error}");
    }
    assert!(!error.to_string().chars().any(char::is_control), "{error}");
    error
}

macro_rules! refuses {
    ($bytes:expr, $pattern:pat) => {
        let error = refusal($bytes);
        assert!(matches!(error, $pattern), "{error:?}");
    };
}

#[test]
fn whole() {
    let manifest = Manifest::parse(&bytes(&GOOD)).unwrap();
    let expected = Manifest {
        name: "ramdisk-xip".into(),
        version: "0.1.0".into(),
        license: "MIT OR Apache-2.0".into(),
        author: "The nxvfs authors".into(),
        description: "RAM disk, usable in place".into(),
        entry: "ramdisk_xip".into(),
        abi: (1, 0),
        provides: vec![(Kind::Block, "ramdisk-xip".into())],
        params: vec![
            ParamDecl {
                name: "sectors".into(),
                ty: ParamType::Uint,
                default: ParamValue::Uint(0),
                default_text: "0".into(),
                help: "number of sectors".into(),
            },
            ParamDecl {
                name: "image".into(),
                ty: ParamType::Path,
                default: ParamValue::Path("".into()),
                default_text: "".into(),
                help: "file to map: any: as it is".into(),
            },
        ],
    };
    assert_eq!(manifest, expected);
}

#[test]
fn tolerates_padding_and_strangers() {
    let plain = Manifest::parse(&bytes(&GOOD)).unwrap();
    let mut padded = vec![0; 5];
    for line in GOOD {
        padded.extend([line.as_bytes(), b"\0\0\0"].concat());
    }
    padded.extend(b"newer=\xff\x1b whatever\0another=");
    assert_eq!(Manifest::parse(&padded).unwrap(), plain);

    let mut unended = bytes(&GOOD);
    unended.pop();
    assert_eq!(Manifest::parse(&unended).unwrap(), plain);
}

#[test]
fn author_may_be_absent_or_empty() {
    for line in [None, Some("author=")] {
        assert_eq!(Manifest::parse(&altered("author", line)).unwrap().author, "");
    }
    refuses!(&bytes(&[&GOOD[..], &["author=x"]].concat()), ManifestError::Twice { key: "author", .. });
}

#[test]
fn required_keys() {
    for key in ["name", "version", "abi", "license", "description", "entry", "provides"] {
        let error = refusal(&altered(key, None));
        assert!(matches!(error, ManifestError::Missing { key: missing, .. } if missing == key), "{error}");
    }
    for key in ["name", "version", "abi", "license", "description", "entry"] {
        let error = refusal(&altered(key, Some(&format!("{key}="))));
        assert!(matches!(error, ManifestError::Empty { key: empty, .. } if empty == key), "{error}");
        let twice = bytes(&[&GOOD[..], &[&format!("{key}=again")]].concat());
        let error = refusal(&twice);
        assert!(matches!(error, ManifestError::Twice { key: double, .. } if double == key), "{error}");
    }
}

#[test]
fn shape_of_entries() {
    refuses!(&vec![b'x'; MAX_BYTES + 1], ManifestError::TooLong { .. });
    refuses!(&[], ManifestError::Missing { key: "name", .. });
    refuses!(&bytes(&["lonely"]), ManifestError::NotKeyValue { .. });
    refuses!(&bytes(&["=value"]), ManifestError::NotKeyValue { .. });
    refuses!(b"description=\xc3(\0", ManifestError::NotUtf8 { key: "description", .. });
    refuses!(b"description=two\nlines\0", ManifestError::ControlCharacter { code: 10, .. });
    refuses!("author=\u{202e}evil\0".as_bytes(), ManifestError::ControlCharacter { code: 0x202e, .. });
    let long = format!("description={}", "x".repeat(MAX_TEXT_BYTES));
    assert!(Manifest::parse(&altered("description", Some(&long))).is_ok());
    let longer = altered("description", Some(&(long + "x")));
    refuses!(&longer, ManifestError::ValueTooLong { len_bytes: 1025, .. });
}

#[test]
fn names_and_entries() {
    for name in ["Upper", "with space", "a:b", "dot.", "ä", &"x".repeat(33)] {
        refuses!(&altered("name", Some(&format!("name={name}"))), ManifestError::BadName { key: "name", .. });
        let driver = altered("provides", Some(&format!("provides=block:{name}")));
        refuses!(&driver, ManifestError::BadName { key: "provides", .. });
    }
    assert!(Manifest::parse(&altered("name", Some(&format!("name={}", "x".repeat(32))))).is_ok());
    for entry in ["ram-disk", "a.b", "a b", "ä"] {
        let line = format!("entry={entry}");
        refuses!(&altered("entry", Some(&line)), ManifestError::BadEntry { .. });
    }
}

#[test]
fn abi_versions() {
    let parsed = |text: &str| Manifest::parse(&altered("abi", Some(&format!("abi={text}"))));
    assert_eq!(parsed("65535.12").unwrap().abi, (65535, 12));
    for text in ["1", "1.", ".1", "1.0.0", "+1.0", "01.0", "1.00", "-1.0", "65536.0", "1.x", " 1.0", "1,0"] {
        assert!(matches!(parsed(text), Err(ManifestError::BadAbi { .. })), "{text}");
    }
}

#[test]
fn drivers() {
    let with = |lines: &[&str]| bytes(&[&GOOD[..], lines].concat());
    let kinds = ["provides=filesystem:a", "provides=character:a", "provides=mapper:a", "provides=block:a"];
    assert_eq!(Manifest::parse(&with(&kinds)).unwrap().provides.len(), 5);
    refuses!(&with(&["provides=block"]), ManifestError::BadProvides { .. });
    refuses!(&with(&["provides="]), ManifestError::BadProvides { .. });
    refuses!(&with(&["provides=Block:x"]), ManifestError::UnknownKind { .. });
    refuses!(&with(&["provides=socket:x"]), ManifestError::UnknownKind { .. });
    refuses!(&with(&["provides=block:ramdisk-xip"]), ManifestError::DriverTwice { kind: Kind::Block, .. });
    let lines: Vec<String> = (0..64).map(|i| format!("provides=block:d{i}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(Manifest::parse(&with(&lines[..63])).is_ok());
    refuses!(&with(&lines), ManifestError::TooManyDrivers {});
}

#[test]
fn parameters() {
    let with = |lines: &[&str]| bytes(&[&GOOD[..], lines].concat());
    for short in ["parm=", "parm=a", "parm=a:bool", "parm=a:bool:n"] {
        refuses!(&with(&[short]), ManifestError::BadParam { .. });
    }
    assert!(Manifest::parse(&with(&["parm=A_b-1:bool:n:"])).is_ok());
    refuses!(&with(&["parm=:bool:n:x"]), ManifestError::BadParamName { .. });
    refuses!(&with(&["parm=a=b:bool:n:x"]), ManifestError::BadParamName { .. });
    refuses!(&with(&["parm=a,b:bool:n:x"]), ManifestError::BadParamName { .. });
    refuses!(&with(&["parm=a:u32:0:x"]), ManifestError::UnknownType { .. });
    for default in
        ["bool:", "bool:maybe", "int:", "int:1.5", "uint:-1", "uint:010", "size:4Q", "size:99999999T"]
    {
        let line = format!("parm=a:{default}:x");
        refuses!(&with(&[&line]), ManifestError::BadDefault { .. });
    }
    refuses!(&with(&["parm=sectors:bool:n:x"]), ManifestError::ParamTwice { .. });
    let lines: Vec<String> = (0..63).map(|i| format!("parm=p{i}:str:x:y")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(Manifest::parse(&with(&lines[..62])).unwrap().params.len(), MAX_PARAMS);
    refuses!(&with(&lines), ManifestError::TooManyParams {});
}

#[test]
fn words_and_numbers() {
    for (kind, number) in [(Kind::FileSystem, 1), (Kind::Block, 2), (Kind::Character, 3), (Kind::Mapper, 4)] {
        assert_eq!((kind.abi(), Kind::from_abi(number)), (number, Some(kind)));
        assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
    }
    assert_eq!((Kind::from_abi(0), Kind::from_abi(5)), (None, None));
    assert_eq!(format!("{:>10}", Kind::Block), "     block");
    for ty in ParamType::ALL {
        assert_eq!(ParamType::from_abi(ty.abi()), Some(*ty));
    }
}

#[test]
fn sentence() {
    let error = refusal(&altered("abi", Some("abi=one")));
    assert_eq!(
        error.to_string(),
        "not an ABI version: key abi: found `one`, expected MAJOR.MINOR, each 0 to 65535; \
         use the SDK's constant, do not write it by hand (ENOEXEC)"
    );
}

#[test]
fn quoting() {
    assert_eq!(quoted(b""), "nothing");
    assert_eq!(quoted(b"a\x1b[31m\xff"), "`a\\u{1b}[31m\u{fffd}`");
    assert_eq!(quoted("ü".repeat(48).as_bytes()), format!("`{}`", "ü".repeat(48)));
    assert_eq!(quoted("ü".repeat(49).as_bytes()), format!("`{}`…", "ü".repeat(48)));
    assert!(quoted(&vec![0; 1 << 20]).len() < 512);
}

/// The same numbers in each run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}

#[test]
fn any_bytes() {
    let mut random = Random(1);
    let pieces =
        ["name=", "provides=block:", "parm=a:", "int:", "size:", "0x", "T:", "\0", "=", ":", "abi=1.0\0"];
    let (mut good, mut bad) = (0, 0);
    for case in 0..20_000 {
        let input: Vec<u8> = match case % 3 {
            0 => (0..random.below(200)).map(|_| random.below(256).to_le_bytes()[0]).collect(),
            1 => (0..random.below(30)).flat_map(|_| pieces[random.below(pieces.len())].bytes()).collect(),
            _ => {
                let mut input = bytes(&GOOD);
                for _ in 0..=random.below(3) {
                    let at = random.below(input.len());
                    // Mostly printable, or nearly every case would end at the first check.
                    let limit = if random.below(4) == 0 { 256 } else { 95 };
                    input[at] = b' '.wrapping_add(random.below(limit).to_le_bytes()[0]);
                }
                input
            }
        };
        match Manifest::parse(&input) {
            Ok(manifest) => {
                good += 1;
                assert!(is_name(&manifest.name) && !manifest.provides.is_empty());
                for param in manifest.params {
                    assert_eq!(param.default.ty(), param.ty);
                }
            }
            Err(error) => {
                bad += 1;
                assert!(error.to_string().len() < 2048);
            }
        }
    }
    assert!(good > 1000 && bad > 10_000, "{good} {bad}");
}
