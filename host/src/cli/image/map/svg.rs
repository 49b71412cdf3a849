//! The picture: rows of the medium from left to right, top to bottom. However many files there are, what is too narrow to
//! be seen is drawn together, so the picture has a bounded size.

use std::fmt::Write;

use super::super::find::Place;
use super::super::survey::Survey;
use super::layout::{Layout, Owner, Piece};
use crate::cli::text::human;

/// Width of a row.
const WIDTH: f64 = 1000.0;
const ROW_HEIGHT: f64 = 20.0;
const ROW_GAP: f64 = 5.0;
const MARGIN: f64 = 24.0;
/// Where rows begin: the offset stands left of them.
const LEFT: f64 = 110.0;
const TOP: f64 = 118.0;
/// Nothing narrower stands alone.
const MIN_WIDTH: f64 = 4.0;
/// Rows that are aimed at.
const ROWS: u64 = 32;
/// Names that are told of what is drawn together.
const NAMES_MAX: usize = 12;

const METADATA: &str = "#8b93a1";
const NOBODY: &str = "#f3f4f6";
const SEVERAL: &str = "#4b5563";

/// Draws the picture.
pub(super) fn draw(title: &str, place: &Place, survey: &Survey, layout: &Layout) -> String {
    let row_bytes = layout.len_bytes.div_ceil(ROWS).next_power_of_two().max(64);
    let rows = layout.len_bytes.div_ceil(row_bytes).max(1);
    let mut picture = Picture { survey, row_bytes, text: String::new() };
    let height = TOP + rows as f64 * (ROW_HEIGHT + ROW_GAP) + MARGIN;
    picture.head(title, place, layout, height);
    for row in 0..rows {
        picture.row(layout, row);
    }
    picture.text.push_str("</svg>\n");
    picture.text
}

struct Picture<'s> {
    survey: &'s Survey,
    /// Bytes of the medium in a row.
    row_bytes: u64,
    text: String,
}

/// Text as XML has it; control characters cannot be there at all.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// The colour of a file: neighbours differ, as the golden angle is between them.
fn colour(number: usize) -> String {
    let hue = (number as f64 * 137.508) % 360.0;
    let light = [52, 62, 45][number % 3];
    format!("hsl({hue:.0} 58% {light}%)")
}

fn fill(owner: Owner) -> String {
    match owner {
        Owner::File { number, .. } => colour(number),
        Owner::Metadata => METADATA.to_owned(),
        Owner::Nobody => NOBODY.to_owned(),
    }
}

impl Picture<'_> {
    fn head(&mut self, title: &str, place: &Place, layout: &Layout, height: f64) {
        let (survey, width) = (self.survey, LEFT + WIDTH + MARGIN);
        let label = place.found.as_ref().map(|found| found.label.as_str()).unwrap_or_default();
        let label = if label.is_empty() { String::new() } else { format!(" '{label}'") };
        let in_place = survey.files.iter().filter(|file| file.in_place).count();
        let pieces = survey.files.iter().filter(|file| file.extents.len() > 1).count();
        let about = format!(
            "{}{label}, {} ({} bytes), {} files, {pieces} of them in several pieces, {in_place} can be mapped in place; \
             a row is {}",
            place.fs,
            human(layout.len_bytes),
            layout.len_bytes,
            survey.files.len(),
            human(self.row_bytes)
        );
        let _ = write!(
            self.text,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2937">
<title>{title}</title>
<defs><pattern id="copied" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="6" fill="#fff" fill-opacity=".55"/></pattern></defs>
<rect width="{width}" height="{height}" fill="#fff"/>
<text x="{MARGIN}" y="36" font-size="20" font-weight="600">{title}</text>
<text x="{MARGIN}" y="58">{about}</text>
"##,
            title = escaped(title),
            about = escaped(&about),
        );
        let legend = [
            ("file, can be mapped in place", "hsl(210 58% 52%)", false),
            ("file, mapped by a copy", "hsl(210 58% 52%)", true),
            ("several small ones", SEVERAL, false),
            ("metadata", METADATA, false),
            ("unused", NOBODY, false),
        ];
        let mut x = MARGIN;
        for (name, fill, copied) in legend {
            self.rect((x, 76.0, 18.0, 14.0), fill, copied, None);
            let _ = writeln!(self.text, r#"<text x="{}" y="88">{name}</text>"#, x + 24.0);
            x += 44.0 + 7.2 * name.len() as f64;
        }
    }

    /// A rectangle with what the mouse shows.
    fn rect(&mut self, (x, y, w, h): (f64, f64, f64, f64), fill: &str, copied: bool, title: Option<&str>) {
        let place = format!(r#"x="{x:.2}" y="{y:.1}" width="{w:.2}" height="{h:.1}""#);
        let title = title.map(|title| format!("<title>{}</title>", escaped(title))).unwrap_or_default();
        let hatch = if copied { format!(r#"<rect {place} fill="url(#copied)"/>"#) } else { String::new() };
        let _ = writeln!(
            self.text,
            r##"<g>{title}<rect {place} fill="{fill}" stroke="#fff" stroke-width=".4"/>{hatch}</g>"##
        );
    }

    fn row(&mut self, layout: &Layout, row: u64) {
        let (start, end) = (row * self.row_bytes, ((row + 1) * self.row_bytes).min(layout.len_bytes));
        let y = TOP + row as f64 * (ROW_HEIGHT + ROW_GAP);
        let _ = writeln!(
            self.text,
            r##"<text x="{}" y="{}" text-anchor="end" font-size="11" font-family="monospace" fill="#6b7280">{start:#x}</text>"##,
            LEFT - 8.0,
            y + 14.0
        );
        let first = layout.pieces.partition_point(|piece| piece.end <= start);
        let mut narrow: Vec<Piece> = Vec::new();
        for piece in layout.pieces[first..].iter().take_while(|piece| piece.start < end) {
            let piece = Piece { start: piece.start.max(start), end: piece.end.min(end), ..*piece };
            if self.width(piece.start, piece.end) >= MIN_WIDTH {
                self.together(&mut narrow, start, y);
                self.together(&mut vec![piece], start, y);
                continue;
            }
            narrow.push(piece);
            if self.width(narrow[0].start, piece.end) >= MIN_WIDTH {
                self.together(&mut narrow, start, y);
            }
        }
        self.together(&mut narrow, start, y);
    }

    fn width(&self, start: u64, end: u64) -> f64 {
        (end - start) as f64 * WIDTH / self.row_bytes as f64
    }

    /// Draws pieces that follow each other as one, and forgets them.
    fn together(&mut self, pieces: &mut Vec<Piece>, row_start: u64, y: f64) {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        let place =
            (LEFT + self.width(row_start, first.start), y, self.width(first.start, last.end), ROW_HEIGHT);
        let mut files: Vec<Piece> =
            pieces.iter().filter(|p| matches!(p.owner, Owner::File { .. })).copied().collect();
        files.dedup_by_key(|piece| piece.owner);
        let metadata = pieces.iter().find(|p| p.owner == Owner::Metadata);
        let title = match &files[..] {
            [] => self.title(metadata.unwrap_or(first)),
            files => {
                let told = files.iter().take(NAMES_MAX).map(|piece| self.title(piece)).collect::<Vec<_>>();
                let more = files.len().saturating_sub(NAMES_MAX);
                let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
                told.join("\n") + &more
            }
        };
        let owner = match (&files[..], metadata) {
            ([one], _) => Some(one.owner),
            ([], Some(metadata)) => Some(metadata.owner),
            ([], None) => Some(first.owner),
            _ => None,
        };
        let copied = matches!(owner, Some(Owner::File { number, .. }) if !self.survey.files[number].in_place);
        self.rect(place, &owner.map_or_else(|| SEVERAL.to_owned(), fill), copied, Some(&title));
        pieces.clear();
    }

    /// What the mouse shows of a piece.
    fn title(&self, piece: &Piece) -> String {
        let range = format!("{} bytes at {:#x}", piece.end - piece.start, piece.start);
        match piece.owner {
            Owner::Metadata => format!("metadata: {range}"),
            Owner::Nobody => format!("unused: {range}"),
            Owner::File { number, extent } => {
                let file = &self.survey.files[number];
                let of = match file.extents.len() {
                    1 => String::new(),
                    count => format!(", piece {} of {count}", extent + 1),
                };
                let how = if file.in_place { "mapped in place" } else { "mapped by a copy" };
                let path = String::from_utf8_lossy(&file.path).replace('\n', "\u{fffd}");
                format!("{path}: {} bytes{of}, {how}; {range}", file.len_bytes)
            }
        }
    }
}
