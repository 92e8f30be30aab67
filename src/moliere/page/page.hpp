// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/page/chart.hpp"
#include "moliere/page/heat_map.hpp"

#include <string>
#include <variant>
#include <vector>

namespace moliere::page {

enum class Alignment { left, right };

enum class CellClass { plain, good, bad, muted };

struct Column {
  std::string header;
  Alignment alignment = Alignment::right;
};

struct Cell {
  std::string text;
  CellClass kind = CellClass::plain;
  std::string link;     ///< "#id" of this page, or an http(s) address; empty: no link
  std::string details;  ///< shown on hovering
};

struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< each as long as columns
  std::string id;
};

/// A few paragraphs set apart from the text.
struct Notes {
  enum class Kind { note, warning };
  Kind kind = Kind::note;
  std::vector<std::string> paragraphs;
};

/// Text that the reader can save as a file: CSV, JSON, the command that made the page.
struct Download {
  std::string label;
  std::string file_name;  ///< no folder
  std::string media_type = "text/csv";
  std::string text;
};

using Item = std::variant<Table, Chart, HeatMapGrid, MatrixMap, Notes, Download>;

/// Neighbouring charts and maps are set side by side as far as the window is wide.
struct Section {
  std::string id;  ///< small letters, digits, '-' and '_', a letter first; unique in the page
  std::string title;
  std::vector<std::string> text;  ///< paragraphs, plain text
  std::vector<Item> items;
};

struct Page {
  std::string title;
  std::string subtitle;
  std::vector<Section> sections;
};

}  // namespace moliere::page
