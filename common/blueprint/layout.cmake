# layout.cmake: writes OUT, a header that names this build: VERSION, and a digest of HEADERS, in which everything is
# declared that lies in shared memory.
set(all "")
foreach(header IN LISTS HEADERS)
  file(SHA256 ${header} digest)
  string(APPEND all ${digest})
endforeach()
string(SHA256 digest "${all}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUT} "#define LAYOUT_DIGEST UINT64_C(0x${digest})\n#define BUILD_NAME \"${VERSION} ${digest}\"\n")
