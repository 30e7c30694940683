# Elsewhere the first stage would be `FROM gcc:14`.  The sample brings its compiler along, so that it
# builds without a registry: see toolchain.sh.
FROM scratch AS build
ADD toolchain.tar.gz /
COPY http.h http.c web.c /source/
RUN ["/usr/bin/tcc", "-static", "-Wall", "-D_GNU_SOURCE", "-o", "/web", \
     "/source/web.c", "/source/http.c"]

FROM scratch
COPY --from=build /web /web
ENTRYPOINT ["/web"]
