//! Owns the pictures of the cost of a handler by the number of handlers; must not know how anything is measured.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::Effort;
use crate::rounds::{self, Sample};
use crate::subject::{ATEXIT, LANGUAGES, Measure, NAIVE, OURS, Subject};

const COUNTS: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
const SIZE: (u32, u32) = (900, 540);

/// One subject's costs, as pairs of the number of handlers and the nanoseconds for each.
struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// Measures, and draws one picture each of registering, running and removing.
///
/// # Panics
///
/// If a file cannot be written.
pub(crate) fn draw(folder: &Path, effort: Effort) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let installed: Vec<Subject> =
        [OURS, ATEXIT, NAIVE].into_iter().chain(LANGUAGES.into_iter().filter(Subject::is_installed)).collect();
    let pictures = [
        (Measure::Register, "registering", "Registering one handler"),
        (Measure::Run, "running", "Running one handler at exit"),
        (Measure::Remove, "removing", "Removing one handler, in random order"),
    ];
    for (measure, name, title) in pictures {
        let able: Vec<Subject> = installed.iter().copied().filter(|subject| subject.can(measure)).collect();
        let path = folder.join(name).with_extension("svg");
        picture(&path, title, &curves(measure, &able, effort)).expect("the picture can be written");
        println!("\n{}", path.display());
    }
}

fn curves(measure: Measure, subjects: &[Subject], effort: Effort) -> Vec<Curve> {
    let mut curves: Vec<Curve> =
        subjects.iter().map(|subject| Curve { name: subject.name, points: Vec::new() }).collect();
    for &count in effort.of(&COUNTS) {
        let (takers, curves): (Vec<Subject>, Vec<&mut Curve>) =
            subjects.iter().copied().zip(&mut curves).filter(|(subject, _)| count <= subject.most).unzip();
        let samples: Vec<Sample> =
            takers.into_iter().map(|subject| Box::new(move || subject.measure(measure, count)) as Sample).collect();
        for (curve, samples) in curves.into_iter().zip(rounds::run(effort.rounds(7), &samples)) {
            #[expect(clippy::cast_precision_loss, reason = "a million is exact")]
            curve.points.push((count as f64, rounds::median(&samples)));
        }
    }
    curves
}

fn picture(path: &Path, title: &str, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d((80.0..1_250_000.0).log_scale(), (5.0..2_000_000.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("handlers")
        .y_desc("nanoseconds for each")
        .x_label_formatter(&thousands)
        .y_label_formatter(&thousands)
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", 14))
        .draw()?;
    for (at, curve) in curves.iter().enumerate() {
        // Ours stands out. The palette is safe for colour-blind readers.
        let style = Palette99::pick(at).stroke_width(if at == 0 { 4 } else { 2 });
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style).point_size(if at == 0 { 4 } else { 3 }))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .legend_area_size(32)
        .background_style(WHITE)
        .border_style(TRANSPARENT)
        .label_font(("sans-serif", 14))
        .draw()?;
    root.present()?;
    Ok(())
}

/// `1 000 000`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that plotters calls")]
fn thousands(number: &f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(" ")
}
