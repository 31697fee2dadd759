#pragma once
// Fast neural style (Johnson, Alahi, Fei-Fei 2016; Ulyanov's InstanceNorm) as in pytorch/examples: a photograph in, a
// painting of it out, both RGB from 0 to 255, the latter to be clamped. Keys of its state_dict: conv1.conv2d.weight,
// in1.weight, res1.conv1.conv2d.weight ... deconv3.conv2d.bias. The checkpoints of pytorch/examples also have running
// statistics, which nothing reads: load them with {.ignore = {"*.running_mean", "*.running_var"}}.
#include <upconv/upconv.h>

namespace upconv::examples {

/// A convolution of a reflected picture, as large as that at stride 1, after nearest upsampling by `upsample`.
struct ConvLayer : upconv::Module {
  int64_t upsample;                         ///< how many times larger the picture is made before
  upconv::ReflectionPad2d& reflection_pad;  ///< half a kernel at each side
  upconv::Conv2d& conv2d;                   ///< without a padding of its own

  /// The arguments of Conv2d, and upsample.
  ConvLayer(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride, int64_t upsample = 1)
      : upsample(upsample),
        reflection_pad(child("reflection_pad", upconv::ReflectionPad2d(kernel_size / 2))),
        conv2d(child("conv2d", upconv::Conv2d(in_channels, out_channels, kernel_size, {.stride = stride}))) {}

  upconv::Value forward(upconv::Value x) const override {
    if (upsample > 1) x = upconv::interpolate(x, {.scale_factor = static_cast<double>(upsample)});
    return conv2d(reflection_pad(x));
  }
};

/// Two convolutions, and the input added to what they say.
struct ResidualBlock : upconv::Module {
  ConvLayer& conv1;             ///< the first
  upconv::InstanceNorm2d& in1;  ///< after it
  ConvLayer& conv2;             ///< the second
  upconv::InstanceNorm2d& in2;  ///< after it

  /// channels: of the picture.
  explicit ResidualBlock(int64_t channels)
      : conv1(child("conv1", ConvLayer(channels, channels, 3, 1))),
        in1(child("in1", upconv::InstanceNorm2d(channels, {.affine = true}))),
        conv2(child("conv2", ConvLayer(channels, channels, 3, 1))),
        in2(child("in2", upconv::InstanceNorm2d(channels, {.affine = true}))) {}

  upconv::Value forward(upconv::Value x) const override { return in2(conv2(upconv::relu(in1(conv1(x))))) + x; }
};

/// A painter in one style.
struct FastNeuralStyle : upconv::Module {
  ConvLayer& conv1;             ///< from a picture to nc channels
  upconv::InstanceNorm2d& in1;  ///< after conv1
  ConvLayer& conv2;             ///< to half the size
  upconv::InstanceNorm2d& in2;  ///< after conv2
  ConvLayer& conv3;             ///< to a quarter of the size
  upconv::InstanceNorm2d& in3;  ///< after conv3
  ResidualBlock& res1;          ///< the first of five
  ResidualBlock& res2;          ///< the second
  ResidualBlock& res3;          ///< the third
  ResidualBlock& res4;          ///< the fourth
  ResidualBlock& res5;          ///< the fifth
  ConvLayer& deconv1;           ///< back to half the size
  upconv::InstanceNorm2d& in4;  ///< after deconv1
  ConvLayer& deconv2;           ///< back to the size of the picture
  upconv::InstanceNorm2d& in5;  ///< after deconv2
  ConvLayer& deconv3;           ///< from nc channels to a picture

  /// nc: channels of the first layer.
  explicit FastNeuralStyle(int64_t nc = 32)
      : conv1(child("conv1", ConvLayer(3, nc, 9, 1))),
        in1(norm("in1", nc)),
        conv2(child("conv2", ConvLayer(nc, nc * 2, 3, 2))),
        in2(norm("in2", nc * 2)),
        conv3(child("conv3", ConvLayer(nc * 2, nc * 4, 3, 2))),
        in3(norm("in3", nc * 4)),
        res1(child("res1", ResidualBlock(nc * 4))),
        res2(child("res2", ResidualBlock(nc * 4))),
        res3(child("res3", ResidualBlock(nc * 4))),
        res4(child("res4", ResidualBlock(nc * 4))),
        res5(child("res5", ResidualBlock(nc * 4))),
        deconv1(child("deconv1", ConvLayer(nc * 4, nc * 2, 3, 1, 2))),
        in4(norm("in4", nc * 2)),
        deconv2(child("deconv2", ConvLayer(nc * 2, nc, 3, 1, 2))),
        in5(norm("in5", nc)),
        deconv3(child("deconv3", ConvLayer(nc, 3, 9, 1))) {}

  /// Pictures (N, 3, H, W) to (N, 3, H, W); sizes that are no multiples of 4 are rounded up to them.
  upconv::Value forward(upconv::Value x) const override {
    x = upconv::relu(in1(conv1(x)));
    x = upconv::relu(in2(conv2(x)));
    x = upconv::relu(in3(conv3(x)));
    x = res5(res4(res3(res2(res1(x)))));
    x = upconv::relu(in4(deconv1(x)));
    x = upconv::relu(in5(deconv2(x)));
    return deconv3(x);
  }

 private:
  upconv::InstanceNorm2d& norm(std::string name, int64_t channels) {
    return child(std::move(name), upconv::InstanceNorm2d(channels, {.affine = true}));
  }
};

}  // namespace upconv::examples
