//! Nanoseconds a lookup against the number of rules, as a picture.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

use super::contest::Way;
use super::measure::Measured;
use super::sets::kind;

/// A line of the picture: how it is called, its colour, whether it is filled.
struct Series {
    way: Way,
    title: &'static str,
    color: RGBColor,
    filled: bool,
}

const SERIES: [Series; 4] = [
    Series {
        way: Way::RteAclSingle,
        title: "rte_acl, one header a call",
        color: RGBColor(196, 78, 32),
        filled: false,
    },
    Series {
        way: Way::RteAclBatch,
        title: "rte_acl, best batch",
        color: RGBColor(196, 78, 32),
        filled: true,
    },
    Series {
        way: Way::Key,
        title: "portcullis, one flow key a call",
        color: RGBColor(24, 90, 157),
        filled: false,
    },
    Series {
        way: Way::Batch,
        title: "portcullis, best batch",
        color: RGBColor(24, 90, 157),
        filled: true,
    },
];

/// Writes the picture in SVG form. A line joins the sizes of one kind of rule set.
pub(crate) fn write(measured: &[Measured], path: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, (960, 600)).into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = ranges(measured);
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.06))
        .bold_line_style(BLACK.mix(0.15))
        .x_desc("rules")
        .y_desc("nanoseconds a lookup")
        .x_label_formatter(&|rules| format!("{rules:.0}"))
        .y_label_formatter(&|time| format!("{time:.0}"))
        .label_style(("sans-serif", 15))
        .draw()?;
    for series in &SERIES {
        let drawn = lines(measured, series.way);
        if drawn.is_empty() {
            continue;
        }
        for line in &drawn {
            chart.draw_series(LineSeries::new(line.clone(), series.color.mix(0.35)))?;
        }
        let points = drawn.into_iter().flatten().map(|point| series.marker(point));
        let legend = |(x, y): (i32, i32)| series.marker((x + 10, y));
        chart.draw_series(points)?.label(series.title).legend(legend);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 15))
        .draw()?;
    area.present()?;
    Ok(())
}

impl Series {
    fn marker<C>(&self, place: C) -> Circle<C, i32> {
        let style = ShapeStyle { color: self.color.into(), filled: self.filled, stroke_width: 2 };
        Circle::new(place, 5, style)
    }
}

/// The points of one way, by kind of rule set, in the order of size.
fn lines(measured: &[Measured], way: Way) -> Vec<Vec<(f64, f64)>> {
    let mut lines: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for one in measured {
        if let Some(score) = one.score(way) {
            lines.entry(kind(&one.name)).or_default().push((one.rules as f64, score.median));
        }
    }
    for line in lines.values_mut() {
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines.into_values().collect()
}

fn ranges(measured: &[Measured]) -> (Range<f64>, Range<f64>) {
    let drawn = |way| SERIES.iter().any(|series| series.way == way);
    let scores = measured.iter().flat_map(|one| &one.scores).filter(|score| drawn(score.way));
    let times: Vec<f64> = scores.map(|score| score.median).collect();
    let rules: Vec<f64> = measured.iter().map(|one| one.rules as f64).collect();
    (around(&rules), around(&times))
}

/// From somewhat below the lowest value to somewhat above the highest.
fn around(values: &[f64]) -> Range<f64> {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(1.0, f64::max);
    lowest.min(highest) / 1.4..highest * 1.4
}
