//! Values of each type, their refusals, and the resolution of a set.

use super::*;
use crate::base::{Errno, Teach};

fn parse(ty: ParamType, text: &str) -> Result<ParamValue, ValueError> {
    ParamValue::parse(ty, OsStr::new(text))
}

#[test]
fn bools() {
    for text in ["y", "Y", "yes", "true", "True", "on", "ON", "1"] {
        assert_eq!(parse(ParamType::Bool, text).unwrap(), ParamValue::Bool(true));
    }
    for text in ["n", "no", "NO", "false", "off", "0"] {
        assert_eq!(parse(ParamType::Bool, text).unwrap(), ParamValue::Bool(false));
    }
    for text in ["", "2", "yess", " y", "-", "ja"] {
        assert!(matches!(parse(ParamType::Bool, text), Err(ValueError::NotBool { .. })), "{text}");
    }
}

#[test]
fn numbers() {
    for (text, value) in [("0", 0), ("42", 42), ("0x2A", 42), ("0xff", 255), ("0o777", 0o777), ("0x00", 0)] {
        assert_eq!(parse(ParamType::Uint, text).unwrap(), ParamValue::Uint(value));
    }
    assert_eq!(parse(ParamType::Uint, "18446744073709551615").unwrap(), ParamValue::Uint(u64::MAX));
    for (text, value) in
        [("-1", -1), ("+7", 7), ("-0x10", -16), ("-9223372036854775808", i64::MIN), ("-0", 0)]
    {
        assert_eq!(parse(ParamType::Int, text).unwrap(), ParamValue::Int(value));
    }
    for text in
        ["", "-1", "+1", "0x", "0o", "0o8", "1_000", "1.0", "1e3", " 1", "x1", "0X1", "١", "0x-1", "1K"]
    {
        assert!(matches!(parse(ParamType::Uint, text), Err(ValueError::NotNumber { .. })), "{text}");
    }
    for text in ["--1", "+-1", "-", "+", "0x+1"] {
        assert!(matches!(parse(ParamType::Int, text), Err(ValueError::NotNumber { .. })), "{text}");
    }
    for text in ["010", "00", "0777"] {
        assert!(matches!(parse(ParamType::Uint, text), Err(ValueError::LeadingZero { .. })), "{text}");
    }
    for (ty, text) in [
        (ParamType::Uint, "18446744073709551616"),
        (ParamType::Int, "9223372036854775808"),
        (ParamType::Int, "-9223372036854775809"),
        (ParamType::Size, "16777216T"),
        (ParamType::Size, "0xffffffffffffffffK"),
    ] {
        assert!(matches!(parse(ty, text), Err(ValueError::OutOfRange { .. })), "{text}");
    }
}

#[test]
fn sizes() {
    for (text, value) in [
        ("512", 512),
        ("0", 0),
        ("64K", 64 << 10),
        ("64k", 64 << 10),
        ("64KiB", 64 << 10),
        ("16M", 16 << 20),
        ("2G", 2 << 30),
        ("3TiB", 3 << 40),
        ("0x10K", 16 << 10),
        ("16777215T", 16_777_215 << 40),
    ] {
        assert_eq!(parse(ParamType::Size, text).unwrap(), ParamValue::Size(value), "{text}");
    }
    for text in ["", "K", "iB", "5iB", "KiB", "1KB", "1B", "1.5M", "-1K", "1KK", "1 K", "1P", "0x"] {
        assert!(matches!(parse(ParamType::Size, text), Err(ValueError::NotSize { .. })), "{text}");
    }
}

#[test]
fn texts_and_paths() {
    assert_eq!(parse(ParamType::Str, "").unwrap(), ParamValue::Str(String::new()));
    let raw = OsStr::from_bytes(b"/a\xff");
    assert_eq!(ParamValue::parse(ParamType::Path, raw).unwrap(), ParamValue::Path(raw.to_owned()));
    assert_eq!(ParamValue::parse(ParamType::File, raw).unwrap(), ParamValue::File(raw.to_owned()));
    assert!(matches!(ParamValue::parse(ParamType::Str, raw), Err(ValueError::NotUtf8 { .. })));
    assert!(matches!(ParamValue::parse(ParamType::Uint, raw), Err(ValueError::NotUtf8 { .. })));
    for ty in ParamType::ALL {
        assert!(matches!(parse(*ty, "1\0"), Err(ValueError::HasNul { .. })));
    }
}

#[test]
fn text_reads_back() {
    let raw = OsString::from(OsStr::from_bytes(b"\xff"));
    for value in [
        ParamValue::Bool(true),
        ParamValue::Bool(false),
        ParamValue::Int(i64::MIN),
        ParamValue::Uint(u64::MAX),
        ParamValue::Size(1 << 40),
        ParamValue::Str("a,b=c".into()),
        ParamValue::Path(raw.clone()),
        ParamValue::File(raw),
    ] {
        assert_eq!(ParamValue::parse(value.ty(), &value.text()).unwrap(), value);
    }
    assert_eq!(ParamValue::Int(-1).number(), u64::MAX);
    assert_eq!(ParamValue::Bool(true).number(), 1);
    assert_eq!(ParamValue::Str("7".into()).number(), 0);
    assert_eq!(format!("{:>3}", ParamValue::Bool(false)), "  n");
}

#[test]
fn splitting() {
    let owned = |pairs: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
        pairs.iter().map(|(name, value)| ((*name).into(), value.map(Into::into))).collect()
    };
    assert_eq!(parse_assignments(""), []);
    assert_eq!(
        parse_assignments(",ro,,mode=0x1,path=a=b,x=,"),
        owned(&[("ro", None), ("mode", Some("0x1")), ("path", Some("a=b")), ("x", Some(""))])
    );
    assert_eq!(parse_words(["a=1,2", "b"]), owned(&[("a", Some("1,2")), ("b", None)]));
    assert_eq!(parse_words(["=x"]), owned(&[("", Some("x"))]));
}

fn decls() -> Vec<ParamDecl> {
    let decl = |name: &str, ty, default: &str, help: &str| ParamDecl {
        name: name.into(),
        ty,
        default: parse(ty, default).unwrap(),
        default_text: default.into(),
        help: help.into(),
    };
    vec![
        decl("sectors", ParamType::Uint, "8", "how many"),
        decl("private", ParamType::Bool, "n", ""),
        decl("image", ParamType::Path, "", "the file"),
    ]
}

fn resolve(defaults: &[(&str, &str)], given: &[&str]) -> Result<ParamSet, ParamError> {
    let defaults = defaults.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    ParamSet::resolve(&decls(), &defaults, &parse_words(given))
}

#[test]
fn precedence() {
    let set = resolve(&[("sectors", "16"), ("private", "y")], &["sectors=32"]).unwrap();
    let all: Vec<_> = set.iter().collect();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0], ("sectors", &ParamValue::Uint(32), true));
    assert_eq!(all[1], ("private", &ParamValue::Bool(true), true));
    assert_eq!(all[2], ("image", &ParamValue::Path("".into()), false));
    assert_eq!(resolve(&[], &["private"]).unwrap().get("private"), Some(&ParamValue::Bool(true)));
    assert_eq!(resolve(&[], &[]).unwrap().get("sectors"), Some(&ParamValue::Uint(8)));
    assert_eq!(resolve(&[], &[]).unwrap().get("nothing"), None);
}

fn sentence(error: &ParamError) -> String {
    assert_eq!(error.errno(), Errno::EINVAL);
    error.to_string()
}

#[test]
fn refusals() {
    let unknown = resolve(&[], &["sector=1"]).unwrap_err();
    assert_eq!(
        sentence(&unknown),
        "unknown parameter: found `sector`, expected one of sectors, private, image; did you mean sectors? (EINVAL)"
    );
    assert!(sentence(&resolve(&[], &["zzz"]).unwrap_err()).contains("modinfo"));
    assert!(sentence(&resolve(&[], &[&"sectors".repeat(1000)]).unwrap_err()).len() < 300);
    assert!(matches!(resolve(&[("sectorz", "1")], &[]), Err(ParamError::Unknown { .. })));
    let none = ParamSet::resolve(&[], &BTreeMap::new(), &parse_words(["x=1"])).unwrap_err();
    assert!(sentence(&none).contains("no parameter at all"));

    let twice = resolve(&[], &["sectors=1", "sectors=1"]).unwrap_err();
    assert!(matches!(twice, ParamError::Twice { .. }) && sentence(&twice).contains("each name once"));
    assert!(matches!(resolve(&[], &["image"]), Err(ParamError::NoValue { ty: ParamType::Path, .. })));

    let wrong = resolve(&[], &["sectors=many"]).unwrap_err();
    assert_eq!(
        sentence(&wrong),
        "parameter has a wrong value: not a number of type uint: sectors: found `many`, expected decimal digits, or \
         0x and hexadecimal ones; sectors (uint) is: how many (EINVAL)"
    );
    assert!(matches!(resolve(&[("private", "maybe")], &[]), Err(ParamError::WrongValue { .. })));
    assert!(sentence(&resolve(&[], &["private=2"]).unwrap_err()).contains("not documented"));
}

#[test]
fn slips() {
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!((distance("", "abc"), distance("abc", ""), distance("", "")), (3, 3, 0));
    assert_eq!(closest(&["image", "sectors", "sector"], "Sectr"), ["sector", "sectors"]);
    assert_eq!(closest(&["abc", "abd", "abe", "abf"], "abx"), ["abc", "abd", "abe"]);
    assert!(closest(&["a", "ro"], "x").is_empty());
}
