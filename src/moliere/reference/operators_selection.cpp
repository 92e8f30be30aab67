// SPDX-License-Identifier: Apache-2.0
// Operators that order elements: TopK, Unique.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace moliere::reference {
namespace {

using namespace detail;

/// The k largest (or smallest) elements along an axis, in order, and their indices; of equal ones
/// the lower index comes first.
template <class Scalar>
std::vector<Value<Scalar>> top_k(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::int64_t k = call.has(1) ? call.input(1).integers().at(0) : int_attribute(call, "k", 0);
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", -1), x.shape.size());
  const bool largest = int_attribute(call, "largest", 1) != 0;
  require(k >= 0 && k <= x.shape[axis], "TopK asks for more elements than there are");
  const AxisView view = view_along(x.shape, axis);
  Shape shape = x.shape;
  shape[axis] = k;
  Integers indices(count(shape));
  Value<Scalar> values = make_like(x, shape, [&](const auto& from, auto& to) {
    std::vector<std::size_t> order(view.extent);
    for (std::size_t o = 0; o < view.outer; ++o) {
      for (std::size_t i = 0; i < view.inner; ++i) {
        const auto element = [&](std::size_t row) {
          return from[(o * view.extent + row) * view.inner + i];
        };
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
          return largest ? element(a) > element(b) : element(a) < element(b);
        });
        for (std::size_t row = 0; row < at(k); ++row) {
          const std::size_t target = (o * at(k) + row) * view.inner + i;
          to[target] = element(order[row]);
          indices[target] = static_cast<std::int64_t>(order[row]);
        }
      }
    }
  });
  std::vector<Value<Scalar>> results = single(std::move(values));
  results.push_back(Value<Scalar>::integer(std::move(shape), std::move(indices)));
  return results;
}

/// The different slices along an axis (or elements, without one): themselves, where each was first
/// seen, which of them each slice is, and how often each occurs.
template <class Scalar>
std::vector<Value<Scalar>> unique(const Call<Scalar>& call) {
  Value<Scalar> x = call.input(0);
  if (call.node.find_attribute("axis") == nullptr) {
    const auto size = static_cast<std::int64_t>(x.size());
    x = reshaped(std::move(x), {size});
  }
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const bool sorted = int_attribute(call, "sorted", 1) != 0;
  const AxisView view = view_along(x.shape, axis);
  std::vector<std::size_t> first;  // slice where each different one was first seen
  Integers which(view.extent);
  Integers counts;
  Value<Scalar> values;
  std::visit(
      [&](const auto& from) {
        const auto slice = [&](std::size_t row) {
          std::decay_t<decltype(from)> elements;
          for (std::size_t o = 0; o < view.outer; ++o) {
            const auto begin =
                from.begin() + static_cast<std::ptrdiff_t>((o * view.extent + row) * view.inner);
            elements.insert(elements.end(), begin, begin + static_cast<std::ptrdiff_t>(view.inner));
          }
          return elements;
        };
        std::vector<std::decay_t<decltype(from)>> seen;
        for (std::size_t row = 0; row < view.extent; ++row) {
          auto elements = slice(row);
          const auto found = std::ranges::find(seen, elements) - seen.begin();
          if (at(found) == seen.size()) {
            seen.push_back(std::move(elements));
            first.push_back(row);
            counts.push_back(0);
          }
          which[row] = found;
          ++counts[at(found)];
        }
        std::vector<std::size_t> order(seen.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        if (sorted)
          std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return seen[a] < seen[b]; });
        Integers position(seen.size());
        Integers ordered_counts;
        std::vector<std::size_t> ordered_first;
        for (std::size_t i = 0; i < order.size(); ++i) {
          position[order[i]] = static_cast<std::int64_t>(i);
          ordered_counts.push_back(counts[order[i]]);
          ordered_first.push_back(first[order[i]]);
        }
        for (std::int64_t& w : which) w = position[at(w)];
        counts = std::move(ordered_counts);
        first = std::move(ordered_first);
      },
      x.elements);
  Shape shape = x.shape;
  shape[axis] = static_cast<std::int64_t>(first.size());
  values = make_like(x, shape, [&](const auto& from, auto& to) {
    auto out = to.begin();
    for (std::size_t o = 0; o < view.outer; ++o) {
      for (const std::size_t row : first) {
        out = std::copy_n(
            from.begin() + static_cast<std::ptrdiff_t>((o * view.extent + row) * view.inner),
            view.inner, out);
      }
    }
  });
  std::vector<Value<Scalar>> results = single(std::move(values));
  const auto list = [](Integers elements) {
    const std::int64_t size = rank(elements);
    return Value<Scalar>::integer({size}, std::move(elements));
  };
  results.push_back(list(Integers(first.begin(), first.end())));
  results.push_back(list(std::move(which)));
  results.push_back(list(std::move(counts)));
  return results;
}

}  // namespace

template <class Scalar>
void add_selection_operators(KernelTable<Scalar>& table) {
  table["TopK"] = top_k<Scalar>;
  table["Unique"] = unique<Scalar>;
}

template void add_selection_operators(KernelTable<double>&);
template void add_selection_operators(KernelTable<float>&);

}  // namespace moliere::reference
