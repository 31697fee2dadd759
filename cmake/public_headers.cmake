# What the world sees: the public headers, in the build folder as `cmake --install` lays them out, so that a project which
# adds upconv as a subdirectory has <upconv/...> on its path and nothing else of ours.
set(upconv_public_headers
  examples/conditional_dcgan.h examples/cyclegan.h examples/dcgan.h examples/esrgan.h examples/fast_neural_style.h
  examples/hifigan.h examples/pix2pix.h examples/taesd.h examples/vae.h
  framework/arena.h framework/choices.h framework/compile.h framework/containers.h framework/cpu.h framework/error.h framework/fingerprint.h
  framework/graph.h framework/image.h framework/init.h
  framework/module.h framework/options.h framework/parameter.h framework/pointwise.h framework/program.h
  framework/random.h framework/tensor.h framework/version.h
  framework/weights/npy.h framework/weights/safetensors.h framework/weights/state_dict.h
  layers/activation.h layers/attention.h layers/concat.h layers/conv1d.h layers/conv2d.h layers/conv_transpose1d.h
  layers/conv_transpose2d.h layers/einsum.h layers/elementwise.h layers/exported.h layers/fold.h
  layers/functional.h layers/integer_or_number.h layers/linear.h layers/matmul.h layers/norm.h layers/one_or_two.h
  layers/pad.h layers/pair.h layers/permute.h layers/pool.h layers/reduce.h layers/resample.h layers/rms_norm.h
  layers/shuffle.h layers/softmax.h layers/spec.h layers/structure.h)

set(upconv_shown ${PROJECT_BINARY_DIR}/include)
file(REMOVE_RECURSE ${upconv_shown})
foreach(header IN LISTS upconv_public_headers)
  cmake_path(GET header PARENT_PATH folder)
  file(MAKE_DIRECTORY ${upconv_shown}/upconv/${folder})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${header} ${upconv_shown}/upconv/${header} SYMBOLIC)
endforeach()
foreach(header tbb.h upconv.h)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include/upconv/${header} ${upconv_shown}/upconv/${header} SYMBOLIC)
endforeach()
