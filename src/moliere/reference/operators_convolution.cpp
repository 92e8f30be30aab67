// SPDX-License-Identifier: Apache-2.0
// Conv and ConvTranspose over any number of axes in space; equations as in ONNX's operator
// definitions. Letters: N batch, C input channels, M output channels, G groups.
#include "moliere/reference/blocked_gemm.hpp"
#include "moliere/reference/window.hpp"

#include <algorithm>
#include <cmath>

namespace moliere::reference {
namespace {

using namespace detail;

/// What both directions have in common.
template <class Scalar>
struct Convolution {
  const std::vector<Scalar>& x;  // (N, C, in...)
  const std::vector<Scalar>& w;  // Conv: (M, C/G, kernel...), ConvTranspose: (C, M/G, kernel...)
  Window window;
  Shape in;
  std::int64_t batch;
  std::int64_t groups;
  /// Of one group.
  std::int64_t in_channels;
  std::int64_t out_channels;

  std::int64_t in_size() const { return element_count(in); }
  std::int64_t out_size() const { return element_count(window.output); }
  std::int64_t taps() const { return element_count(window.kernel); }
  double flop() const {
    return 2.0 * static_cast<double>(batch * groups * in_channels) *
           static_cast<double>(out_channels * taps());
  }
  const Scalar* input(std::int64_t n, std::int64_t g, std::int64_t c) const {
    return x.data() + ((n * groups + g) * in_channels + c) * in_size();
  }
  /// Offset in the result of channel m of group g.
  std::int64_t output(std::int64_t n, std::int64_t g, std::int64_t m) const {
    return ((n * groups + g) * out_channels + m) * out_size();
  }
};

template <class Scalar>
Convolution<Scalar> convolution_of(const Call<Scalar>& call, bool transposed) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& w = call.input(1);
  require(x.shape.size() == w.shape.size(), "the input and the weights have different ranks");
  const Shape in = spatial_extents(x.shape);
  const Shape kernel = spatial_extents(w.shape);
  const std::int64_t groups = int_attribute(call, "group", 1);
  const std::int64_t channels = x.shape[1];
  const std::int64_t features = transposed ? groups * w.shape[1] : w.shape[0];
  require(groups > 0 && channels % groups == 0 && features % groups == 0,
          "the channels do not divide into the groups");
  require(transposed ? w.shape[0] == channels : w.shape[1] * groups == channels,
          "the weights are for another number of channels");
  return {.x = x.reals(),
          .w = w.reals(),
          .window = transposed ? transposed_window_of(call.node, in, kernel)
                               : window_of(call.node, in, kernel),
          .in = in,
          .batch = x.shape[0],
          .groups = groups,
          .in_channels = channels / groups,
          .out_channels = features / groups};
}

/// The result (N, M, out...) that starts as the bias of each channel.
template <class Scalar>
std::vector<Scalar> biased(const Call<Scalar>& call, const Convolution<Scalar>& conv) {
  const std::int64_t channels = conv.groups * conv.out_channels;
  const std::size_t size = at(conv.out_size());
  std::vector<Scalar> y(at(conv.batch * channels) * size, 0);
  if (!call.has(2)) return y;
  const std::vector<Scalar>& bias = call.input(2).reals();
  require(bias.size() == at(channels), "the bias has another length than there are channels");
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = bias[i / size % bias.size()];
  return y;
}

/// Calls visit(n, g).
template <class Scalar, class Visit>
void for_each_group(const Convolution<Scalar>& conv, Visit&& visit) {
  for (std::int64_t n = 0; n < conv.batch; ++n) {
    for (std::int64_t g = 0; g < conv.groups; ++g) visit(n, g);
  }
}

/// y[n, m, o] += sum_c sum_k w[m, c, k] x[n, c, o stride - pad + k dilation]; x is 0 outside.
template <class Scalar>
void convolve_readable(const Convolution<Scalar>& conv, std::vector<Scalar>& y) {
  for_each_group(conv, [&](std::int64_t n, std::int64_t g) {
    for (std::int64_t m = 0; m < conv.out_channels; ++m) {
      for_each_index(conv.window.output, [&](std::size_t o, const Shape& index) {
        Scalar sum = 0;
        for (std::int64_t c = 0; c < conv.in_channels; ++c) {
          const Scalar* x = conv.input(n, g, c);
          const Scalar* w =
              conv.w.data() + ((g * conv.out_channels + m) * conv.in_channels + c) * conv.taps();
          for_each_tap(conv.window, conv.in, index,
                       [&](std::size_t k, const Shape&, std::size_t i) { sum += w[k] * x[i]; });
        }
        y[at(conv.output(n, g, m)) + o] += sum;
      });
    }
  });
}

/// y[n, m, i stride - pad + k dilation] += sum_c w[c, m, k] x[n, c, i]: each input is spread over
/// the window, the gradient of a convolution with respect to its input.
template <class Scalar>
void spread_readable(const Convolution<Scalar>& conv, std::vector<Scalar>& y) {
  for_each_group(conv, [&](std::int64_t n, std::int64_t g) {
    for (std::int64_t c = 0; c < conv.in_channels; ++c) {
      const Scalar* x = conv.input(n, g, c);
      for (std::int64_t m = 0; m < conv.out_channels; ++m) {
        const Scalar* w =
            conv.w.data() + ((g * conv.in_channels + c) * conv.out_channels + m) * conv.taps();
        Scalar* to = y.data() + conv.output(n, g, m);
        for_each_index(conv.in, [&](std::size_t i, const Shape& index) {
          for_each_tap(conv.window, conv.window.output, index,
                       [&](std::size_t k, const Shape&, std::size_t o) { to[o] += w[k] * x[i]; });
        });
      }
    }
  });
}

/// A run of positions that differ in the last axis alone, and where one tap of the window puts
/// them on the other side.
struct Run {
  /// Positions [first, first + length) of the block are on the other side at `offset`,
  /// `offset + stride`, ...
  std::int64_t first;
  std::int64_t length;
  std::int64_t offset;
};

/// For the positions [begin, end) (row-major in `positions`), calls visit(run) for each stretch of
/// them that tap `tap` of the window puts inside `other`. `first` counts from `begin`.
template <class Visit>
void for_each_run(const Window& window, const Shape& positions, const Shape& other,
                  const Shape& tap, std::int64_t begin, std::int64_t end, Visit&& visit) {
  const std::size_t last = positions.size() - 1;
  const auto shift = [&](std::size_t i) {
    return tap[i] * window.dilations[i] - window.pads_begin[i];
  };
  const std::int64_t row = positions[last];
  const std::int64_t stride = window.strides[last];
  // Positions p of a row with 0 <= p stride + shift < extent.
  const std::int64_t s = shift(last);
  const std::int64_t lowest = s >= 0 ? 0 : (-s + stride - 1) / stride;
  const std::int64_t room = other[last] - s;
  const std::int64_t highest = room <= 0 ? 0 : std::min(row, (room + stride - 1) / stride);
  for (std::int64_t line = begin / row; line * row < end; ++line) {
    std::int64_t offset = 0;
    std::int64_t scale = other[last];
    std::int64_t rest = line;
    bool inside = true;
    for (std::size_t i = last; i-- > 0;) {
      const std::int64_t p = rest % positions[i] * window.strides[i] + shift(i);
      rest /= positions[i];
      inside = inside && p >= 0 && p < other[i];
      offset += p * scale;
      scale *= other[i];
    }
    const std::int64_t from = std::max(lowest, begin - line * row);
    const std::int64_t to = std::min(highest, end - line * row);
    if (inside && from < to) {
      visit(Run{line * row + from - begin, to - from, offset + from * stride + s});
    }
  }
}

/// Bytes of one block of unfolded input: it stays in a core's second-level cache or near it.
constexpr std::int64_t block_bytes = std::int64_t{2} << 20;
/// Below this many columns a product does not reach its speed.
constexpr std::int64_t fewest_columns = 64;

std::int64_t columns_per_block(std::int64_t rows, std::int64_t positions, std::size_t scalar) {
  const std::int64_t fitting = block_bytes / (rows * static_cast<std::int64_t>(scalar));
  return std::max<std::int64_t>(1, std::min(positions, std::max(fitting, fewest_columns)));
}

/// y (M/G, block) += w (M/G, C/G taps) unfolded (C/G taps, block), where the unfolded input holds
/// x[c, o stride - pad + k dilation] at row (c, k) and column o (im2col).
template <class Scalar>
void convolve_blocked(const Convolution<Scalar>& conv, std::vector<Scalar>& y) {
  const std::int64_t rows = conv.in_channels * conv.taps();
  const std::int64_t out = conv.out_size();
  if (rows == 0 || out == 0) return;
  const std::int64_t columns = columns_per_block(rows, out, sizeof(Scalar));
  const std::int64_t blocks = (out + columns - 1) / columns;
  const double flop = conv.flop() * static_cast<double>(out);
  for_each_task(at(conv.batch * conv.groups * blocks), flop, [&](std::size_t task) {
    const std::int64_t block = static_cast<std::int64_t>(task) % blocks;
    const std::int64_t group = static_cast<std::int64_t>(task) / blocks;
    const std::int64_t n = group / conv.groups;
    const std::int64_t g = group % conv.groups;
    const std::int64_t begin = block * columns;
    const std::int64_t width = std::min(columns, out - begin);
    std::vector<Scalar> unfolded(at(rows * width), 0);
    const std::int64_t stride = conv.window.strides.back();
    for (std::int64_t c = 0; c < conv.in_channels; ++c) {
      const Scalar* x = conv.input(n, g, c);
      for_each_index(conv.window.kernel, [&](std::size_t k, const Shape& tap) {
        Scalar* row = unfolded.data() + (c * conv.taps() + static_cast<std::int64_t>(k)) * width;
        for_each_run(conv.window, conv.window.output, conv.in, tap, begin, begin + width,
                     [&](const Run& run) {
                       Scalar* to = row + run.first;
                       const Scalar* from = x + run.offset;
                       for (std::int64_t i = 0; i < run.length; ++i) to[i] = from[i * stride];
                     });
      });
    }
    const Scalar* weights = conv.w.data() + g * conv.out_channels * rows;
    add_product_blocked<Scalar>({conv.out_channels, rows, width}, {weights, rows},
                                {unfolded.data(), width}, y.data() + conv.output(n, g, 0) + begin,
                                out);
  });
}

/// spread (channels taps, block) = w^T (channels taps, C/G) x (C/G, block), then each row is added
/// where its tap puts it (col2im). A task owns some output channels of one (n, g), so that no two
/// write to the same place.
template <class Scalar>
void spread_blocked(const Convolution<Scalar>& conv, std::vector<Scalar>& y) {
  const std::int64_t in = conv.in_size();
  const std::int64_t taps = conv.taps();
  if (in == 0 || conv.in_channels == 0 || conv.out_channels == 0) return;
  // Enough rows for a fast product, few enough that a layer makes several tasks.
  const std::int64_t channels = std::clamp<std::int64_t>(32 / taps, 1, conv.out_channels);
  const std::int64_t parts = (conv.out_channels + channels - 1) / channels;
  const double flop = conv.flop() * static_cast<double>(in);
  for_each_task(at(conv.batch * conv.groups * parts), flop, [&](std::size_t task) {
    const std::int64_t first = static_cast<std::int64_t>(task) % parts * channels;
    const std::int64_t group = static_cast<std::int64_t>(task) / parts;
    const std::int64_t n = group / conv.groups;
    const std::int64_t g = group % conv.groups;
    const std::int64_t own = std::min(channels, conv.out_channels - first);
    const std::int64_t rows = own * taps;
    const std::int64_t columns = columns_per_block(rows, in, sizeof(Scalar));
    const std::int64_t stride = conv.window.strides.back();
    const Scalar* weights =
        conv.w.data() + (g * conv.in_channels * conv.out_channels + first) * taps;
    for (std::int64_t begin = 0; begin < in; begin += columns) {
      const std::int64_t width = std::min(columns, in - begin);
      std::vector<Scalar> spread(at(rows * width), 0);
      add_product_blocked<Scalar>({rows, conv.in_channels, width},
                                  {weights, conv.out_channels * taps, true},
                                  {conv.input(n, g, 0) + begin, in}, spread.data(), width);
      for (std::int64_t m = 0; m < own; ++m) {
        Scalar* to = y.data() + conv.output(n, g, first + m);
        for_each_index(conv.window.kernel, [&](std::size_t k, const Shape& tap) {
          const Scalar* row = spread.data() + (m * taps + static_cast<std::int64_t>(k)) * width;
          for_each_run(conv.window, conv.in, conv.window.output, tap, begin, begin + width,
                       [&](const Run& run) {
                         const Scalar* from = row + run.first;
                         Scalar* at_run = to + run.offset;
                         for (std::int64_t i = 0; i < run.length; ++i)
                           at_run[i * stride] += from[i];
                       });
        });
      }
    }
  });
}

template <class Scalar>
std::vector<Value<Scalar>> convolve(const Call<Scalar>& call, bool transposed) {
  const Convolution<Scalar> conv = convolution_of(call, transposed);
  std::vector<Scalar> y = biased(call, conv);
  if (call.path == Path::blocked) {
    transposed ? spread_blocked(conv, y) : convolve_blocked(conv, y);
  } else {
    transposed ? spread_readable(conv, y) : convolve_readable(conv, y);
  }
  Shape shape = with_spatial(conv.batch, conv.groups * conv.out_channels, conv.window.output);
  return single(Value<Scalar>::real(std::move(shape), std::move(y), call.input(0).type));
}

/// Adds the columns of each block (N, C taps, blocks) where their window lies on the image: what
/// im2col took apart, with overlaps summed.
template <class Scalar>
std::vector<Value<Scalar>> col2im(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Shape image = call.input(1).integers();
  const Window window = window_of(call.node, image, call.input(2).integers());
  const std::int64_t taps = element_count(window.kernel);
  require(
      x.shape.size() == 3 && x.shape[1] % taps == 0 && x.shape[2] == element_count(window.output),
      "the blocks of Col2Im do not fit the image");
  const std::int64_t channels = x.shape[1] / taps;
  std::vector<Scalar> y(at(x.shape[0] * channels) * count(image), 0);
  for (std::size_t plane = 0; plane < at(x.shape[0] * channels); ++plane) {
    const Scalar* from = x.reals().data() + plane * at(taps * x.shape[2]);
    Scalar* to = y.data() + plane * count(image);
    for_each_index(window.output, [&](std::size_t block, const Shape& index) {
      for_each_tap(window, image, index, [&](std::size_t k, const Shape&, std::size_t i) {
        to[i] += from[k * at(x.shape[2]) + block];
      });
    });
  }
  return single(
      Value<Scalar>::real(with_spatial(x.shape[0], channels, image), std::move(y), x.type));
}

/// y[n, c, t] = f(bias[c] + sum_k w[c, 0, k] p[n, c, t + k]) with p the past state (zeros without)
/// followed by x; the new state is the last K - 1 elements of p. f is the identity or y sigmoid(y).
template <class Scalar>
std::vector<Value<Scalar>> causal_convolution(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& w = call.input(1);
  require(x.shape.size() == 3 && w.shape.size() == 3 && w.shape[0] == x.shape[1] &&
              w.shape[1] == 1 && w.shape[2] > 0,
          "the shapes of CausalConvWithState do not fit together");
  const std::string activation = string_attribute(call, "activation", "none");
  const bool has_silu = activation == "silu" || activation == "swish";
  require(has_silu || activation == "none", "the activation is none of none, silu and swish");
  const std::size_t length = at(x.shape[2]);
  const std::size_t kernel = at(w.shape[2]);
  const std::size_t channels = at(x.shape[1]);
  const Shape state_shape{x.shape[0], x.shape[1], w.shape[2] - 1};
  require(!call.has(3) || call.input(3).shape == state_shape, "the past state has another shape");
  require(!call.has(2) || call.input(2).size() == channels, "the bias has another length");
  std::vector<Scalar> y;
  std::vector<Scalar> state;
  std::vector<Scalar> row(kernel - 1 + length);
  for (std::size_t plane = 0; plane < at(x.shape[0]) * channels; ++plane) {
    const std::size_t c = plane % channels;
    for (std::size_t i = 0; i + 1 < kernel; ++i) {
      row[i] = call.has(3) ? call.input(3).reals()[plane * (kernel - 1) + i] : Scalar{0};
    }
    for (std::size_t t = 0; t < length; ++t) row[kernel - 1 + t] = x.reals()[plane * length + t];
    for (std::size_t t = 0; t < length; ++t) {
      Scalar sum = call.has(2) ? call.input(2).reals()[c] : Scalar{0};
      for (std::size_t k = 0; k < kernel; ++k) sum += w.reals()[c * kernel + k] * row[t + k];
      y.push_back(has_silu ? sum / (1 + std::exp(-sum)) : sum);
    }
    state.insert(state.end(), row.end() - static_cast<std::ptrdiff_t>(kernel - 1), row.end());
  }
  std::vector<Value<Scalar>> results = single(Value<Scalar>::real(x.shape, std::move(y), x.type));
  const DataType state_type = call.has(3) ? call.input(3).type : x.type;
  results.push_back(Value<Scalar>::real(state_shape, std::move(state), state_type));
  return results;
}

}  // namespace

template <class Scalar>
void add_convolution_operators(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  table["Conv"] = [](C c) { return convolve(c, false); };
  table["ConvTranspose"] = [](C c) { return convolve(c, true); };
  table["Col2Im"] = col2im<Scalar>;
  table["CausalConvWithState"] = causal_convolution<Scalar>;
}

template void add_convolution_operators(KernelTable<double>&);
template void add_convolution_operators(KernelTable<float>&);

}  // namespace moliere::reference
