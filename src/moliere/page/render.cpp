// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/render.hpp"

#include "moliere/core/error.hpp"
#include "moliere/page/detail/assets.hpp"
#include "moliere/page/detail/check.hpp"
#include "moliere/page/detail/data.hpp"
#include "moliere/page/detail/describe.hpp"
#include "moliere/page/detail/text.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace moliere::page {
namespace {
using detail::html;

// From so many drawings on a section has a box that filters them by name.
constexpr std::size_t drawings_with_search = 13;
// So few maps are drawn large.
constexpr std::size_t large_maps = 6;
// The places of assets/page.css's palette: the reference and six colours.
constexpr int palette_size = 6;

// No request leaves the page, whatever a text in it says.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:";

/// Before the first paint: no light flash in the dark theme.
constexpr std::string_view early_theme = R"js(
document.documentElement.dataset.theme =
  matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
)js";

constexpr std::string_view no_script =
    "<noscript><p class=\"notes warning\">Charts need JavaScript; tables and text do not."
    "</p></noscript>\n";

bool is_drawing(const Item& item) {
  return std::holds_alternative<Chart>(item) || std::holds_alternative<HeatMapGrid>(item) ||
         std::holds_alternative<MatrixMap>(item);
}

std::string paragraphs(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += fmt::format("<p>{}</p>\n", html(text));
  return out;
}

/// Writes the page once, and gathers on the way what is known only at its end.
class Writer {
 public:
  explicit Writer(const Page& page) : page_(page) {
    // An id that a caller chose is taken before ids are made from positions.
    for (const Section& section : page.sections) claim(section.id);
    for (const Section& section : page.sections) {
      for (const Item& item : section.items) {
        const std::string* id = id_of(item);
        if (id != nullptr && !id->empty()) claim(*id);
      }
    }
  }

  std::string write() {
    std::string body;
    for (const Section& section : page_.sections) body += write(section);
    check_links();
    std::string out = head();
    out += navigation();
    out += fmt::format("<main id=\"top\">\n<header>\n<h1>{}</h1>\n", html(page_.title));
    if (!page_.subtitle.empty()) {
      out += fmt::format("<p class=\"subtitle\">{}</p>\n", html(page_.subtitle));
    }
    out += "</header>\n";
    out += no_script;
    out += body;
    out += "</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n";
    out += fmt::format("<script type=\"application/json\" id=\"data\">{{{}}}</script>\n", data_);
    out += fmt::format("<!--\n{}-->\n<script>\n{}\n</script>\n<script>\n{}</script>\n",
                       detail::chart_licence(), detail::chart_library(), detail::program());
    return out + "</body>\n</html>\n";
  }

 private:
  static const std::string* id_of(const Item& item) {
    return std::visit(
        [](const auto& one) -> const std::string* {
          if constexpr (requires { one.id; }) return &one.id;
          return nullptr;
        },
        item);
  }

  void claim(const std::string& id) {
    detail::check_id(id);
    if (!ids_.insert(id).second) {
      throw Error(fmt::format("the id '{}' is used twice", id), "links would be ambiguous",
                  "choose another id");
    }
  }

  /// The item's own id, or section-3 for the section's third item.
  std::string id_for(const std::string& own, const Section& section, std::size_t position) {
    if (!own.empty()) return own;
    std::string id = fmt::format("{}-{}", section.id, position + 1);
    while (!ids_.insert(id).second) id += "x";
    return id;
  }

  void check_links() const {
    for (const std::string& link : links_) {
      if (!ids_.contains(link)) {
        throw Error(fmt::format("the link '#{}' leads nowhere", link),
                    "no section or item has this id", "give the item this id");
      }
    }
  }

  void add_data(const std::string& id, const std::string& json) {
    if (!data_.empty()) data_ += ",\n";
    data_ += fmt::format("{}:{}", detail::quoted(id), json);
  }

  std::string head() const {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\" data-theme=\"light\">\n<head>\n"
        "<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n"
        "<title>{}</title>\n<style>\n{}</style>\n<script>{}</script>\n</head>\n<body>\n",
        policy, html(page_.title), detail::style(), early_theme);
  }

  std::string navigation() const {
    std::string out =
        "<nav aria-label=\"Sections\">\n<button type=\"button\" id=\"theme\" "
        "aria-label=\"Switch between light and dark\">◐</button>\n<ul>\n";
    for (const Section& section : page_.sections) {
      out += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", section.id, html(section.title));
    }
    return out + "</ul>\n</nav>\n";
  }

  std::string write(const Section& section) {
    std::string out =
        fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n", section.id, html(section.title));
    out += paragraphs(section.text);
    const auto drawings = std::ranges::count_if(section.items, is_drawing);
    if (static_cast<std::size_t>(drawings) >= drawings_with_search) {
      out += fmt::format(
          "<p class=\"search\"><label>Find among {} charts <input type=\"search\" "
          "placeholder=\"part of a name\"></label> <output></output></p>\n",
          drawings);
    }
    bool in_grid = false;
    for (std::size_t i = 0; i < section.items.size(); ++i) {
      const bool drawing = is_drawing(section.items[i]);
      if (drawing && !in_grid) out += "<div class=\"drawings\">\n";
      if (!drawing && in_grid) out += "</div>\n";
      in_grid = drawing;
      out += write(section, i);
    }
    if (in_grid) out += "</div>\n";
    return out + "</section>\n";
  }

  std::string write(const Section& section, std::size_t position) {
    const Item& item = section.items[position];
    try {
      return std::visit(
          [&](const auto& one) {
            detail::check(one);
            std::string own;
            if constexpr (requires { one.id; }) own = one.id;
            return write(one, id_for(own, section, position));
          },
          item);
    } catch (const Error& error) {
      const std::string title = std::visit(
          [](const auto& one) -> std::string {
            if constexpr (requires { one.title; }) return fmt::format(" '{}'", one.title);
            return "";
          },
          item);
      throw error.about(fmt::format("section '{}', item {}{}", section.id, position + 1, title));
    }
  }

  static std::string legend(const Chart& chart) {
    const std::vector<int> colours = detail::palette(chart.series);
    std::string out = "<ul class=\"legend\">";
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
      const int colour = colours[i];
      const std::string place =
          colour < 0 ? "muted" : std::to_string(colour == 0 ? 0 : (colour - 1) % palette_size + 1);
      out += fmt::format(
          "<li><button type=\"button\" aria-pressed=\"true\" data-series=\"{}\">"
          "<i class=\"c-{}{}\"></i>{}</button></li>",
          i, place, colour > palette_size ? " dashed" : "", html(chart.series[i].name));
    }
    return out + "</ul>\n";
  }

  static std::string figure(std::string_view kind, const std::string& id, const std::string& title,
                            const std::string& inside, const std::string& note) {
    std::string out = fmt::format(
        "<figure id=\"{}\" class=\"{}\" data-name=\"{}\">\n"
        "<figcaption><span>{}</span></figcaption>\n{}",
        id, kind, html(title), html(title), inside);
    if (!note.empty()) out += fmt::format("<p class=\"note\">{}</p>\n", html(note));
    return out + "</figure>\n";
  }

  std::string write(const Chart& chart, const std::string& id) {
    add_data(id, detail::data(chart));
    const std::string plot = fmt::format(
        "<div class=\"plot\"><canvas role=\"img\" tabindex=\"0\" aria-label=\"{}\">"
        "</canvas></div>\n",
        html(detail::describe(chart)));
    return figure(chart.ratio ? "chart with-ratio" : "chart", id, chart.title, legend(chart) + plot,
                  chart.note);
  }

  std::string write(const HeatMapGrid& grid, const std::string& id) {
    add_data(id, detail::data(grid));
    std::string tiles =
        fmt::format("<div class=\"tiles{}\" role=\"img\" aria-label=\"{}\">\n",
                    grid.maps.size() <= large_maps ? " few" : "", html(detail::describe(grid)));
    for (const PolarMap& map : grid.maps) {
      tiles += fmt::format("<div class=\"tile\"><canvas></canvas><span>{}</span></div>\n",
                           html(map.name));
    }
    tiles += "</div>\n<div class=\"scale\"></div>\n";
    return figure("polar", id, grid.title, tiles, grid.note);
  }

  std::string write(const MatrixMap& matrix, const std::string& id) {
    add_data(id, detail::data(matrix));
    const std::string plot = fmt::format(
        "<div class=\"plot\"><canvas role=\"img\" aria-label=\"{}\"></canvas></div>\n"
        "<div class=\"scale\"></div>\n",
        html(detail::describe(matrix)));
    return figure("matrix", id, matrix.title, plot, matrix.note);
  }

  std::string write(const Cell& cell) {
    std::string out = html(cell.text);
    if (cell.link.empty()) return out;
    const bool inside = cell.link.starts_with('#');
    if (inside) links_.insert(cell.link.substr(1));
    if (!inside && !cell.link.starts_with("https://") && !cell.link.starts_with("http://")) {
      throw Error(fmt::format("'{}' cannot be a link", cell.link),
                  "links lead to '#id' of the page or to an http(s) address",
                  "write it as text instead");
    }
    return fmt::format("<a href=\"{}\"{}>{}</a>", html(cell.link),
                       inside ? "" : " rel=\"noreferrer\"", out);
  }

  static std::string_view class_of(CellClass kind) {
    switch (kind) {
      case CellClass::plain:
        return "";
      case CellClass::good:
        return "good";
      case CellClass::bad:
        return "bad";
      case CellClass::muted:
        return "muted";
    }
    return "";
  }

  /// ' class="..." title="..."', as far as there is something to say.
  static std::string attributes(Alignment alignment, CellClass kind, const std::string& details) {
    std::string classes = alignment == Alignment::left ? "left" : "";
    const std::string_view own = class_of(kind);
    if (!classes.empty() && !own.empty()) classes += ' ';
    classes += own;
    std::string out = classes.empty() ? "" : fmt::format(" class=\"{}\"", classes);
    if (!details.empty()) out += fmt::format(" title=\"{}\" tabindex=\"0\"", html(details));
    return out;
  }

  std::string write(const Table& table, const std::string& id) {
    std::string out = fmt::format("<div class=\"table\" id=\"{}\" tabindex=\"0\"><table>\n", id);
    if (!table.title.empty()) out += fmt::format("<caption>{}</caption>\n", html(table.title));
    out += "<thead><tr>";
    for (const Column& column : table.columns) {
      out += fmt::format("<th scope=\"col\"{}>{}</th>",
                         attributes(column.alignment, CellClass::plain, ""), html(column.header));
    }
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& row : table.rows) {
      out += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i) {
        out += fmt::format("<td{}>{}</td>",
                           attributes(table.columns[i].alignment, row[i].kind, row[i].details),
                           write(row[i]));
      }
      out += "</tr>\n";
    }
    return out + "</tbody>\n</table></div>\n";
  }

  std::string write(const Notes& notes, const std::string& id) {
    const bool warning = notes.kind == Notes::Kind::warning;
    return fmt::format("<div id=\"{}\" class=\"notes{}\" role=\"note\">\n{}</div>\n", id,
                       warning ? " warning" : "", paragraphs(notes.paragraphs));
  }

  std::string write(const Download& download, const std::string& id) {
    add_data(id, detail::data(download));
    return fmt::format(
        "<p><button type=\"button\" class=\"download\" id=\"{}\">{} <small>{}</small></button>"
        "</p>\n",
        id, html(download.label), html(download.file_name));
  }

  const Page& page_;
  // The page's own elements.
  std::set<std::string> ids_ = {"top", "tip", "data", "theme"};
  std::set<std::string> links_;
  std::string data_;
};

}  // namespace

std::string render(const Page& page) { return Writer(page).write(); }

}  // namespace moliere::page
