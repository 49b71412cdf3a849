//! What the book names is there.

use std::path::{Path, PathBuf};

use nxvfs_tests::repository;

/// The pages: of the book, of the plugins and templates, and those at the top.
fn pages() -> Vec<PathBuf> {
    let (mut folders, mut pages) = (vec![repository().to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The files of this checkout that a text names by their whole path.
fn named(text: &str) -> impl Iterator<Item = &str> {
    const ROOMS: [&str; 6] = ["abi/", "docs/", "host/", "plugins/", "plugin-template/", "tests/"];
    let part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    text.split(move |c| !part(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| ROOMS.iter().any(|room| word.starts_with(room)) && word.contains('.'))
}

/// Where the links of a page lead to, without those to other places and within the page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains(':'))
}

#[test]
fn every_file_that_a_page_names_or_links_to_is_there() {
    let pages = pages();
    assert!(pages.len() > 30, "{} pages", pages.len());
    let is_there = |path: PathBuf| path.exists();
    let mut missing = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap_or(Path::new("/"));
        // What a build makes is not there before it.
        let gone =
            named(&text).filter(|path| !is_there(repository().join(path)) && !is_there(folder.join(path)));
        let dead = links(&text).filter(|link| !is_there(folder.join(link)));
        missing.extend(gone.chain(dead).map(|path| format!("{}: {path}", page.display())));
    }
    assert_eq!(missing, [""; 0]);
}
