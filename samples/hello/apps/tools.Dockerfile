FROM scratch AS build
ADD toolchain.tar.gz /
COPY http.h http.c tools.c /source/
RUN ["/usr/bin/tcc", "-static", "-Wall", "-D_GNU_SOURCE", "-o", "/tools", \
     "/source/tools.c", "/source/http.c"]

FROM scratch
COPY --from=build /tools /tools
ENTRYPOINT ["/tools"]
